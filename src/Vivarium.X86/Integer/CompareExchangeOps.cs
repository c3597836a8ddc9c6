using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>CMPXCHG. Memory is always updated as one atomic step, with or without LOCK.</summary>
internal static unsafe class CompareExchange<T>
    where T : unmanaged
{
    public static bool Register(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var old = Width<T>.Get(s, op->Reg1);
        var expected = Width<T>.Get(s, 0);
        LazyFlags.SetSub<T>(s, expected, old, expected - old);
        if (old == expected)
        {
            Width<T>.Set(s, op->Reg1, Width<T>.Get(s, op->Reg2));
        }
        else
        {
            Width<T>.Set(s, 0, old);
        }

        return true;
    }

    public static bool Memory(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var expected = Width<T>.Get(s, 0);
        if (!Operand<T>.TryUpdateLocked<Update>(c, op, Width<T>.Get(s, op->Reg2), expected, out var old))
        {
            return false;
        }

        LazyFlags.SetSub<T>(s, expected, old, expected - old);
        if (old != expected)
        {
            Width<T>.Set(s, 0, old);
        }

        return true;
    }

    /// <summary>Writes the old value back on a mismatch, as the manual says.</summary>
    private readonly struct Update : IAtomicUpdate
    {
        public static ulong Apply(ulong old, ulong source, ulong extra) => old == extra ? source : old;
    }
}

/// <summary>CMPXCHG8B and CMPXCHG16B.</summary>
internal static unsafe class CompareExchangeWide
{
    private const int Rax = 0;
    private const int Rcx = 1;
    private const int Rdx = 2;
    private const int Rbx = 3;
    private const int SizeBytes = 16;

    public static bool Bytes8(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var expected = (uint)s->Gpr[Rax] | (s->Gpr[Rdx] << 32);
        var replacement = (uint)s->Gpr[Rbx] | (s->Gpr[Rcx] << 32);
        if (!Operand<ulong>.TryUpdateLocked<Update>(c, op, replacement, expected, out var old))
        {
            return false;
        }

        SetZero(s, old == expected);
        if (old != expected)
        {
            s->Gpr[Rax] = (uint)old;
            s->Gpr[Rdx] = old >> 32;
        }

        return true;
    }

    /// <summary>.NET has no 16-byte host atomic, so the other vCPUs stand still.</summary>
    public static bool Bytes16(CpuCore c, DecodedOp* op)
    {
        if ((c.LinearAddress(op) & (SizeBytes - 1)) != 0)
        {
            return c.RaiseGp();
        }

        c.BeginExclusive();
        var done = Exchange16(c, op);
        c.EndExclusive();
        return done;
    }

    private static bool Exchange16(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (!c.TryAtomicAddress(op, SizeBytes, out var linear, out var host))
        {
            return false;
        }

        var old = Vector128<ulong>.Zero;
        if (host != null)
        {
            // SAFETY: the host address is that of 16 bytes within a page.
            old = Unsafe.ReadUnaligned<Vector128<ulong>>(host);
        }
        else if (!c.TryReadBytes(linear, op->Segment, new Span<byte>(&old, SizeBytes)))
        {
            return false;
        }

        // Whole, as half of it written would be seen by an instruction that has to start again.
        var equal = old == Vector128.Create(s->Gpr[Rax], s->Gpr[Rdx]);
        var replacement = equal ? Vector128.Create(s->Gpr[Rbx], s->Gpr[Rcx]) : old;
        if (host != null)
        {
            Unsafe.WriteUnaligned(host, replacement);
        }
        else if (!c.TryWriteBytes(linear, op->Segment, new Span<byte>(&replacement, SizeBytes)))
        {
            return false;
        }

        SetZero(s, equal);
        if (!equal)
        {
            s->Gpr[Rax] = old[0];
            s->Gpr[Rdx] = old[1];
        }

        return true;
    }

    private static void SetZero(CpuState* s, bool zero)
    {
        var flags = LazyFlags.Get(s) & ~Rflags.Zf;
        LazyFlags.Set(s, zero ? flags | Rflags.Zf : flags);
    }

    private readonly struct Update : IAtomicUpdate
    {
        public static ulong Apply(ulong old, ulong source, ulong extra) => old == extra ? source : old;
    }
}
