using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>The operand forms of a two-operand arithmetic or logic instruction (Intel SDM Vol. 2, ADD and its like).</summary>
internal static unsafe class Alu<TOp, T>
    where TOp : struct, IAluOp
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool RegReg(CpuCore c, DecodedOp* op)
    {
        Register(c.State, op, Width<T>.Get(c.State, op->Reg2));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool RegImm(CpuCore c, DecodedOp* op)
    {
        Register(c.State, op, (ulong)op->Immediate & Width<T>.Mask);
        return true;
    }

    public static bool RegMem(CpuCore c, DecodedOp* op)
    {
        if (!c.TryLoadOperand<T>(op, out var b))
        {
            return false;
        }

        Register(c.State, op, b);
        return true;
    }

    public static bool MemReg(CpuCore c, DecodedOp* op) => Memory(c, op, Width<T>.Get(c.State, op->Reg2));

    public static bool MemImm(CpuCore c, DecodedOp* op) => Memory(c, op, (ulong)op->Immediate & Width<T>.Mask);

    public static bool LockedMemReg(CpuCore c, DecodedOp* op) => Locked(c, op, Width<T>.Get(c.State, op->Reg2));

    public static bool LockedMemImm(CpuCore c, DecodedOp* op) => Locked(c, op, (ulong)op->Immediate & Width<T>.Mask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Register(CpuState* s, DecodedOp* op, ulong b)
    {
        var a = Width<T>.Get(s, op->Reg1);
        var r = TOp.Apply(a, b, TOp.UsesCarry && LazyFlags.Carry(s) ? 1UL : 0);
        if (TOp.Writes)
        {
            Width<T>.Set(s, op->Reg1, r);
        }

        TOp.SetFlags<T>(s, a, b, r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Memory(CpuCore c, DecodedOp* op, ulong b)
    {
        if (!c.TryLinear(op, sizeof(T), TOp.Writes ? PageAccess.Write : PageAccess.Read, out var linear))
        {
            return false;
        }

        var s = c.State;
        if (!TOp.Writes)
        {
            if (!c.TryRead<T>(linear, op->Segment, out var only))
            {
                return false;
            }

            TOp.SetFlags<T>(s, only, b, TOp.Apply(only, b, 0));
            return true;
        }

        if (!c.TryReadForUpdate<T>(linear, op->Segment, out var a))
        {
            return false;
        }

        var r = TOp.Apply(a, b, TOp.UsesCarry && LazyFlags.Carry(s) ? 1UL : 0);
        if (!c.TryWriteUpdate<T>(linear, op->Segment, r))
        {
            return false;
        }

        TOp.SetFlags<T>(s, a, b, r);
        return true;
    }

    private static bool Locked(CpuCore c, DecodedOp* op, ulong b)
    {
        var carry = TOp.UsesCarry && LazyFlags.Carry(c.State) ? 1UL : 0;
        if (!Operand<T>.TryUpdateLocked<TOp>(c, op, b, carry, out var a))
        {
            return false;
        }

        TOp.SetFlags<T>(c.State, a, b, TOp.Apply(a, b, carry));
        return true;
    }
}
