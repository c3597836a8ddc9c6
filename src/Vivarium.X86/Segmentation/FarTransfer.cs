namespace Vivarium.X86;

/// <summary>Far JMP, CALL and RET (Intel SDM Vol. 2; Vol. 3A §5.8). On entry RIP is that of the next instruction.</summary>
internal static unsafe class FarTransfer
{
    private const int Rsp = 4;

    public static bool TryJump(CpuCore c, ushort selector, ulong offset)
    {
        if (c.IsRealOrVirtual8086)
        {
            return CodeSegment.TryCommitReal(c, selector, offset);
        }

        if (!CodeSegment.TryReadForTransfer(c, selector, out var descriptor))
        {
            return false;
        }

        if (descriptor.IsCodeOrData)
        {
            return descriptor.IsCode
                ? CodeSegment.CheckDirect(c, selector, descriptor)
                    && CodeSegment.CheckTarget(c, descriptor, offset)
                    && CodeSegment.TryCommit(c, selector, descriptor, (int)c.State->Cpl, offset)
                : c.RaiseGp(DescriptorTables.ErrorCode(selector));
        }

        switch (descriptor.Type)
        {
            case SegmentDescriptor.CallGate16 when !c.IsLongMode:
            case SegmentDescriptor.CallGate32:
                return CallGate.TryJump(c, selector);
            case SegmentDescriptor.TaskGate when !c.IsLongMode:
            case SegmentDescriptor.Tss16Available when !c.IsLongMode:
            case SegmentDescriptor.Tss32Available when !c.IsLongMode:
                return TaskSwitch.TryFar(c, selector, descriptor, TaskSwitchKind.Jump);
            default:
                return c.RaiseGp(DescriptorTables.ErrorCode(selector));
        }
    }

    public static bool TryCall(CpuCore c, ushort selector, ulong offset, int operandSizeBytes)
    {
        var s = c.State;
        if (c.IsRealOrVirtual8086)
        {
            var rsp = s->Gpr[Rsp];
            if (c.TryPush(operandSizeBytes, s->Cs.Selector) && c.TryPush(operandSizeBytes, s->Rip) && CodeSegment.TryCommitReal(c, selector, offset))
            {
                return true;
            }

            s->Gpr[Rsp] = rsp;
            return false;
        }

        if (!CodeSegment.TryReadForTransfer(c, selector, out var descriptor))
        {
            return false;
        }

        if (descriptor.IsCodeOrData)
        {
            return descriptor.IsCode ? TryCallDirect(c, selector, offset, operandSizeBytes, descriptor) : c.RaiseGp(DescriptorTables.ErrorCode(selector));
        }

        switch (descriptor.Type)
        {
            case SegmentDescriptor.CallGate16 when !c.IsLongMode:
            case SegmentDescriptor.CallGate32:
                return CallGate.TryCall(c, selector);
            case SegmentDescriptor.TaskGate when !c.IsLongMode:
            case SegmentDescriptor.Tss16Available when !c.IsLongMode:
            case SegmentDescriptor.Tss32Available when !c.IsLongMode:
                return TaskSwitch.TryFar(c, selector, descriptor, TaskSwitchKind.Call);
            default:
                return c.RaiseGp(DescriptorTables.ErrorCode(selector));
        }
    }

    public static bool TryReturn(CpuCore c, int operandSizeBytes, int releaseBytes)
    {
        var s = c.State;
        var mask = c.StackMask;
        var rsp = s->Gpr[Rsp];
        if (!TryRead(c, rsp & mask, operandSizeBytes, out var target)
            || !TryRead(c, (rsp + (ulong)operandSizeBytes) & mask, operandSizeBytes, out var selectorValue))
        {
            return false;
        }

        var selector = (ushort)selectorValue;
        var afterReturn = rsp + (ulong)((2 * operandSizeBytes) + releaseBytes);
        if (c.IsRealOrVirtual8086)
        {
            if (!CodeSegment.TryCommitReal(c, selector, target))
            {
                return false;
            }

            c.SetStackPointer(mask, afterReturn & mask);
            return true;
        }

        if (!CodeSegment.TryReadForTransfer(c, selector, out var descriptor) || !ReturnPath.Check(c, selector, descriptor, target))
        {
            return false;
        }

        var rpl = selector & 3;
        if (rpl == (int)s->Cpl)
        {
            if (!CodeSegment.TryCommit(c, selector, descriptor, rpl, target))
            {
                return false;
            }

            c.SetStackPointer(mask, afterReturn & mask);
            return true;
        }

        if (!TryRead(c, afterReturn & mask, operandSizeBytes, out var newRsp)
            || !TryRead(c, (afterReturn + (ulong)operandSizeBytes) & mask, operandSizeBytes, out var newSs))
        {
            return false;
        }

        return ReturnPath.TryToOuter(c, selector, descriptor, target, (ushort)newSs, newRsp, releaseBytes);
    }

    private static bool TryCallDirect(CpuCore c, ushort selector, ulong offset, int operandSizeBytes, SegmentDescriptor descriptor)
    {
        var s = c.State;
        var rsp = s->Gpr[Rsp];
        if (!CodeSegment.CheckDirect(c, selector, descriptor)
            || !CodeSegment.CheckTarget(c, descriptor, offset)
            || !c.TryPush(operandSizeBytes, s->Cs.Selector)
            || !c.TryPush(operandSizeBytes, s->Rip)
            || !CodeSegment.TryCommit(c, selector, descriptor, (int)s->Cpl, offset))
        {
            s->Gpr[Rsp] = rsp;
            return false;
        }

        return true;
    }

    private static bool TryRead(CpuCore c, ulong offset, int sizeBytes, out ulong value) => sizeBytes switch
    {
        2 => c.TryReadStack<ushort>(offset, out value),
        4 => c.TryReadStack<uint>(offset, out value),
        _ => c.TryReadStack<ulong>(offset, out value),
    };
}
