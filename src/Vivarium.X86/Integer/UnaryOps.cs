using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>A one-operand instruction that replaces its operand.</summary>
internal unsafe interface IUnaryOp : IAtomicUpdate
{
    static abstract void SetFlags<T>(CpuState* s, ulong old, ulong r)
        where T : unmanaged;
}

internal readonly unsafe struct IncOp : IUnaryOp
{
    public static ulong Apply(ulong old, ulong source, ulong extra) => old + 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetFlags<T>(CpuState* s, ulong old, ulong r)
        where T : unmanaged
    {
        var aux = s->FlagAux;
        LazyFlags.SetAdd<T>(s, old, 1, r);
        LazyFlags.KeepCarry(s, aux);
    }
}

internal readonly unsafe struct DecOp : IUnaryOp
{
    public static ulong Apply(ulong old, ulong source, ulong extra) => old - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetFlags<T>(CpuState* s, ulong old, ulong r)
        where T : unmanaged
    {
        var aux = s->FlagAux;
        LazyFlags.SetSub<T>(s, old, 1, r);
        LazyFlags.KeepCarry(s, aux);
    }
}

internal readonly unsafe struct NegOp : IUnaryOp
{
    public static ulong Apply(ulong old, ulong source, ulong extra) => 0 - old;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetFlags<T>(CpuState* s, ulong old, ulong r)
        where T : unmanaged => LazyFlags.SetSub<T>(s, 0, old, r);
}

internal readonly unsafe struct NotOp : IUnaryOp
{
    public static ulong Apply(ulong old, ulong source, ulong extra) => ~old;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetFlags<T>(CpuState* s, ulong old, ulong r)
        where T : unmanaged
    {
    }
}

/// <summary>INC, DEC, NEG and NOT in a register or memory, locked or not.</summary>
internal static unsafe class Unary<TOp, T>
    where TOp : struct, IUnaryOp
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Register(CpuCore c, DecodedOp* op)
    {
        var old = Width<T>.Get(c.State, op->Reg1);
        var r = TOp.Apply(old, 0, 0);
        Width<T>.Set(c.State, op->Reg1, r);
        TOp.SetFlags<T>(c.State, old, r);
        return true;
    }

    public static bool Memory(CpuCore c, DecodedOp* op)
    {
        if (!c.TryLinear(op, sizeof(T), PageAccess.Write, out var linear) || !c.TryReadForUpdate<T>(linear, op->Segment, out var old))
        {
            return false;
        }

        var r = TOp.Apply(old, 0, 0);
        if (!c.TryWriteUpdate<T>(linear, op->Segment, r))
        {
            return false;
        }

        TOp.SetFlags<T>(c.State, old, r);
        return true;
    }

    public static bool Locked(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryUpdateLocked<TOp>(c, op, 0, 0, out var old))
        {
            return false;
        }

        TOp.SetFlags<T>(c.State, old, TOp.Apply(old, 0, 0));
        return true;
    }
}
