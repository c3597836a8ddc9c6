namespace Vivarium.X86;

/// <summary>Far JMP and CALL through a call gate (Intel SDM Vol. 3A §5.8.3–5.8.5).</summary>
internal static unsafe class CallGate
{
    private const int Rsp = 4;

    public static bool TryJump(CpuCore c, ushort gateSelector) =>
        TryReadTarget(c, gateSelector, out _, out var selector, out var descriptor, out var offset)
        && CheckCode(c, selector, descriptor, sameLevelOnly: true)
        && CodeSegment.CheckTarget(c, descriptor, offset)
        && CodeSegment.TryCommit(c, selector, descriptor, (int)c.State->Cpl, offset);

    public static bool TryCall(CpuCore c, ushort gateSelector)
    {
        if (!TryReadTarget(c, gateSelector, out var gate, out var selector, out var descriptor, out var offset)
            || !CheckCode(c, selector, descriptor, sameLevelOnly: false)
            || !CodeSegment.CheckTarget(c, descriptor, offset))
        {
            return false;
        }

        var s = c.State;
        var size = c.IsLongMode ? 8 : gate.Type == SegmentDescriptor.CallGate32 ? 4 : 2;
        if (!descriptor.IsConforming && descriptor.Dpl < (int)s->Cpl)
        {
            return TryCallInner(c, gate, selector, descriptor, offset, size);
        }

        var rsp = s->Gpr[Rsp];
        if (c.TryPush(size, s->Cs.Selector) && c.TryPush(size, s->Rip) && CodeSegment.TryCommit(c, selector, descriptor, (int)s->Cpl, offset))
        {
            return true;
        }

        s->Gpr[Rsp] = rsp;
        return false;
    }

    private static bool TryCallInner(CpuCore c, SegmentDescriptor gate, ushort selector, SegmentDescriptor descriptor, ulong offset, int size)
    {
        var s = c.State;
        var cpl = descriptor.Dpl;
        var (oldSs, oldRsp, oldCs, oldRip) = (s->Ss.Selector, s->Gpr[Rsp], s->Cs.Selector, s->Rip);
        var count = c.IsLongMode ? 0 : gate.GateParameterCount;
        var parameters = stackalloc ulong[32];
        var mask = c.StackMask;
        for (var i = 0; i < count; i++)
        {
            var at = (oldRsp + (ulong)(i * size)) & mask;
            if (!(size == 2 ? c.TryReadStack<ushort>(at, out parameters[i]) : c.TryReadStack<uint>(at, out parameters[i])))
            {
                return false;
            }
        }

        if (!StackSwitch.TryRead(c, cpl, 0, 0, out var stack))
        {
            return false;
        }

        var frame = new StackFrame(c, stack, cpl, external: 0);
        if (!frame.TryPush(size, oldSs) || !frame.TryPush(size, oldRsp))
        {
            return false;
        }

        for (var i = count - 1; i >= 0; i--)
        {
            if (!frame.TryPush(size, parameters[i]))
            {
                return false;
            }
        }

        if (!frame.TryPush(size, oldCs) || !frame.TryPush(size, oldRip) || !DescriptorTables.TrySetAccessed(c, selector, ref descriptor))
        {
            return false;
        }

        CodeSegment.Commit(c, selector, descriptor, cpl, offset);
        frame.Commit();
        return true;
    }

    private static bool TryReadTarget(CpuCore c, ushort gateSelector, out SegmentDescriptor gate, out ushort selector, out SegmentDescriptor descriptor, out ulong offset)
    {
        selector = 0;
        offset = 0;
        descriptor = default;
        var gateCode = DescriptorTables.ErrorCode(gateSelector);
        if (!DescriptorTables.TryReadSystem(c, gateSelector, out gate))
        {
            return false;
        }

        if (gate.Dpl < Math.Max((int)c.State->Cpl, gateSelector & 3) || (c.IsLongMode && !gate.HasValidUpperType))
        {
            return c.RaiseGp(gateCode);
        }

        if (!gate.IsPresent)
        {
            return c.Raise(ExceptionVector.SegmentNotPresent, gateCode);
        }

        selector = gate.GateSelector;
        offset = c.IsLongMode ? gate.GateOffset64 : gate.Type == SegmentDescriptor.CallGate32 ? gate.GateOffset32 : gate.GateOffset16;
        return CodeSegment.TryReadForTransfer(c, selector, out descriptor);
    }

    private static bool CheckCode(CpuCore c, ushort selector, in SegmentDescriptor descriptor, bool sameLevelOnly)
    {
        var code = DescriptorTables.ErrorCode(selector);
        var cpl = (int)c.State->Cpl;
        var privilegeFits = sameLevelOnly && !descriptor.IsConforming ? descriptor.Dpl == cpl : descriptor.Dpl <= cpl;
        if (!descriptor.IsCodeOrData || !descriptor.IsCode || !privilegeFits || (c.IsLongMode && (!descriptor.IsLong || descriptor.IsDefault32)))
        {
            return c.RaiseGp(code);
        }

        return descriptor.IsPresent || c.Raise(ExceptionVector.SegmentNotPresent, code);
    }
}
