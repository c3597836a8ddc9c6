using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>MOV between general registers, memory and immediates.</summary>
internal static unsafe class Move<T>
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool RegReg(CpuCore c, DecodedOp* op)
    {
        Width<T>.Set(c.State, op->Reg1, Width<T>.Get(c.State, op->Reg2));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool RegImm(CpuCore c, DecodedOp* op)
    {
        Width<T>.Set(c.State, op->Reg1, (ulong)op->Immediate);
        return true;
    }

    public static bool RegMem(CpuCore c, DecodedOp* op)
    {
        if (!c.TryLoadOperand<T>(op, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg1, value);
        return true;
    }

    public static bool MemReg(CpuCore c, DecodedOp* op) => c.TryStoreOperand<T>(op, Width<T>.Get(c.State, op->Reg2));

    public static bool MemImm(CpuCore c, DecodedOp* op) => c.TryStoreOperand<T>(op, (ulong)op->Immediate);

    /// <summary>MOV AL/AX/EAX/RAX, moffs and back: the offset, up to 64 bits, is the immediate.</summary>
    public static bool LoadAbsolute(CpuCore c, DecodedOp* op)
    {
        if (!c.TrySegment(op->Segment, (ulong)op->Immediate, sizeof(T), PageAccess.Read, out var linear) || !c.TryRead<T>(linear, op->Segment, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, 0, value);
        return true;
    }

    public static bool StoreAbsolute(CpuCore c, DecodedOp* op) =>
        c.TrySegment(op->Segment, (ulong)op->Immediate, sizeof(T), PageAccess.Write, out var linear)
        && c.TryWrite<T>(linear, op->Segment, Width<T>.Get(c.State, 0));

    /// <summary>LEA.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LoadAddress(CpuCore c, DecodedOp* op)
    {
        Width<T>.Set(c.State, op->Reg1, c.EffectiveAddress(op));
        return true;
    }

    /// <summary>MOVBE load, 16 to 64 bits.</summary>
    public static bool LoadSwapped(CpuCore c, DecodedOp* op)
    {
        if (!c.TryLoadOperand<T>(op, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg1, Swap(value));
        return true;
    }

    /// <summary>MOVBE store.</summary>
    public static bool StoreSwapped(CpuCore c, DecodedOp* op) => c.TryStoreOperand<T>(op, Swap(Width<T>.Get(c.State, op->Reg2)));

    /// <summary>BSWAP. Of a 16-bit register the result is undefined; real processors give zero.</summary>
    public static bool ByteSwap(CpuCore c, DecodedOp* op)
    {
        Width<T>.Set(c.State, op->Reg1, sizeof(T) == 2 ? 0 : Swap(Width<T>.Get(c.State, op->Reg1)));
        return true;
    }

    /// <summary>XCHG of registers.</summary>
    public static bool ExchangeRegisters(CpuCore c, DecodedOp* op)
    {
        var a = Width<T>.Get(c.State, op->Reg1);
        var b = Width<T>.Get(c.State, op->Reg2);
        Width<T>.Set(c.State, op->Reg1, b);
        Width<T>.Set(c.State, op->Reg2, a);
        return true;
    }

    /// <summary>XCHG with memory, always locked.</summary>
    public static bool ExchangeMemory(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryUpdateLocked<ReplaceUpdate>(c, op, Width<T>.Get(c.State, op->Reg2), 0, out var old))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg2, old);
        return true;
    }

    /// <summary>XADD.</summary>
    public static bool ExchangeAdd(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var b = Width<T>.Get(s, op->Reg2);
        ulong a;
        if (!op->HasMemory)
        {
            a = Width<T>.Get(s, op->Reg1);
            Width<T>.Set(s, op->Reg2, a);
            Width<T>.Set(s, op->Reg1, a + b);
        }
        else if (Operand<T>.TryUpdateLocked<AddOp>(c, op, b, 0, out a))
        {
            Width<T>.Set(s, op->Reg2, a);
        }
        else
        {
            return false;
        }

        LazyFlags.SetAdd<T>(s, a, b, a + b);
        return true;
    }

    private static ulong Swap(ulong value) => sizeof(T) switch
    {
        2 => BinaryPrimitives.ReverseEndianness((ushort)value),
        4 => BinaryPrimitives.ReverseEndianness((uint)value),
        _ => BinaryPrimitives.ReverseEndianness(value),
    };

    private readonly struct ReplaceUpdate : IAtomicUpdate
    {
        public static ulong Apply(ulong old, ulong source, ulong extra) => source;
    }
}
