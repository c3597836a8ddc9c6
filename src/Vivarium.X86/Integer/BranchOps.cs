using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>
/// Near jumps, calls and returns. <see cref="DecodedOp.Size"/> is the operand size in bytes. On entry RIP is that of the next
/// instruction; on success it is the target.
/// </summary>
internal static unsafe class BranchOps
{
    private const int Rcx = 1;

    /// <summary>The target of a relative branch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong RelativeTarget(CpuState* s, DecodedOp* op)
    {
        var target = s->RipPage + (ulong)op->Immediate;
        return op->Size == 8 ? target : op->Size == 4 ? (uint)target : (ushort)target;
    }

    public static bool JumpRelative(CpuCore c, DecodedOp* op) => TryGo(c, RelativeTarget(c.State, op));

    public static bool CallRelative(CpuCore c, DecodedOp* op) => TryCall(c, op, RelativeTarget(c.State, op));

    public static bool JumpIndirect(CpuCore c, DecodedOp* op) => TryTarget(c, op, out var target) && TryGo(c, target);

    public static bool CallIndirect(CpuCore c, DecodedOp* op) => TryTarget(c, op, out var target) && TryCall(c, op, target);

    /// <summary>Jcc; the condition is <see cref="DecodedOp.Reg2"/>.</summary>
    public static bool JumpConditional(CpuCore c, DecodedOp* op) =>
        !LazyFlags.Condition(c.State, op->Reg2) || TryGo(c, RelativeTarget(c.State, op));

    /// <summary>RET, and RET imm16 with the bytes to release in <see cref="DecodedOp.Immediate"/>.</summary>
    public static bool Return(CpuCore c, DecodedOp* op)
    {
        var rsp = c.State->Gpr[4];
        if (!c.TryPop(op->Size, out var target))
        {
            return false;
        }

        if (!TryGo(c, target))
        {
            c.State->Gpr[4] = rsp;
            return false;
        }

        if (op->Immediate != 0)
        {
            var mask = c.StackMask;
            c.SetStackPointer(mask, (c.State->Gpr[4] + (ulong)op->Immediate) & mask);
        }

        return true;
    }

    public static bool Loop(CpuCore c, DecodedOp* op) => LoopWhile(c, op, true);

    public static bool LoopEqual(CpuCore c, DecodedOp* op) => LoopWhile(c, op, LazyFlags.Zero(c.State));

    public static bool LoopNotEqual(CpuCore c, DecodedOp* op) => LoopWhile(c, op, !LazyFlags.Zero(c.State));

    /// <summary>JCXZ, JECXZ, JRCXZ.</summary>
    public static bool JumpIfCounterZero(CpuCore c, DecodedOp* op) =>
        StringRegisters.Get(c.State, Rcx, op) != 0 || TryGo(c, RelativeTarget(c.State, op));

    private static bool LoopWhile(CpuCore c, DecodedOp* op, bool condition)
    {
        var count = StringRegisters.Get(c.State, Rcx, op) - 1;
        count = count << op->AddressShift >> op->AddressShift;
        if (condition && count != 0 && !TryGo(c, RelativeTarget(c.State, op)))
        {
            return false;
        }

        StringRegisters.Set(c.State, Rcx, op, count);
        return true;
    }

    private static bool TryTarget(CpuCore c, DecodedOp* op, out ulong target) => op->Size switch
    {
        2 => Operand<ushort>.TryGetSource(c, op, out target),
        4 => Operand<uint>.TryGetSource(c, op, out target),
        _ => Operand<ulong>.TryGetSource(c, op, out target),
    };

    private static bool TryCall(CpuCore c, DecodedOp* op, ulong target)
    {
        var next = c.State->Rip;
        if (!TryGo(c, target))
        {
            return false;
        }

        return c.TryPush(op->Size, next);
    }

    /// <summary>Sets RIP if the target is within the code segment, or canonical. Records #GP(0).</summary>
    private static bool TryGo(CpuCore c, ulong target)
    {
        var valid = c.Is64BitCode ? (ulong)((long)(target << 16) >> 16) == target : target <= c.State->Cs.Limit;
        if (!valid)
        {
            return c.RaiseGp();
        }

        c.State->Rip = target;
        return true;
    }
}
