namespace Vivarium.X86;

/// <summary>What starts a hardware task switch.</summary>
internal enum TaskSwitchKind
{
    Jump,
    Call,
    Gate,
    InterruptReturn,
}

/// <summary>Hardware task switching (Intel SDM Vol. 3A §8.3), 16- and 32-bit, not in IA-32e mode.</summary>
internal static unsafe class TaskSwitch
{
    private const uint MinLimit32 = 103;
    private const uint MinLimit16 = 43;
    private const ulong LocalBreakpoints = 0x55;

    /// <summary>A far JMP or CALL to a TSS or task gate.</summary>
    public static bool TryFar(CpuCore c, ushort selector, SegmentDescriptor descriptor, TaskSwitchKind kind)
    {
        var code = DescriptorTables.ErrorCode(selector);
        if (descriptor.Dpl < Math.Max((int)c.State->Cpl, selector & 3))
        {
            return c.RaiseGp(code);
        }

        if (!descriptor.IsPresent)
        {
            return c.Raise(ExceptionVector.SegmentNotPresent, code);
        }

        var tss = descriptor.Type == SegmentDescriptor.TaskGate ? descriptor.GateSelector : selector;
        return TrySwitch(c, tss, kind, 0);
    }

    /// <summary>Switches to the task of <paramref name="selector"/>; RIP on entry is what the old task resumes at.</summary>
    public static bool TrySwitch(CpuCore c, ushort selector, TaskSwitchKind kind, uint external)
    {
        var s = c.State;
        var code = DescriptorTables.ErrorCode(selector, external);
        var badSelector = kind == TaskSwitchKind.InterruptReturn ? ExceptionVector.InvalidTss : ExceptionVector.GeneralProtection;
        if ((selector & 4) != 0 || DescriptorTables.IsNull(selector))
        {
            return c.Raise(badSelector, code);
        }

        if (!DescriptorTables.TryRead(c, selector, out var descriptor, badSelector, external))
        {
            return false;
        }

        var busy = (descriptor.Type & 2) != 0;
        if (descriptor.IsCodeOrData || (descriptor.Type & 5) != 1 || busy != (kind == TaskSwitchKind.InterruptReturn))
        {
            return c.Raise(badSelector, code);
        }

        if (!descriptor.IsPresent)
        {
            return c.Raise(ExceptionVector.SegmentNotPresent, code);
        }

        var is32Bit = (descriptor.Type & 8) != 0;
        if (descriptor.Limit < (is32Bit ? MinLimit32 : MinLimit16))
        {
            return c.Raise(ExceptionVector.InvalidTss, code);
        }

        var old = s->Tr;
        var image = stackalloc uint[26];
        if (!TaskStateSegment.TryLoad(c, descriptor.Base, is32Bit, image)
            || !TaskStateSegment.TrySave(c, old, clearNested: kind == TaskSwitchKind.InterruptReturn)
            || !TryClearOldBusy(c, old, kind))
        {
            return false;
        }

        var nested = kind is TaskSwitchKind.Call or TaskSwitchKind.Gate;
        if ((nested && !c.TryWriteSystem<ushort>(descriptor.Base, old.Selector))
            || (kind != TaskSwitchKind.InterruptReturn && !DescriptorTables.TrySetBusy(c, selector, descriptor, busy: true)))
        {
            return false;
        }

        s->Tr = descriptor.ToRegister(selector);
        s->Tr.Attributes |= 2;
        s->Cr0 |= ControlBits.Cr0Ts;
        s->Dr[7] &= ~LocalBreakpoints;
        c.HasSwitchedTask = true;
        return TaskStateSegment.TryActivate(c, image, is32Bit, nested);
    }

    private static bool TryClearOldBusy(CpuCore c, SegmentRegister old, TaskSwitchKind kind)
    {
        if (kind is TaskSwitchKind.Call or TaskSwitchKind.Gate)
        {
            return true;
        }

        return DescriptorTables.TryRead(c, old.Selector, out var descriptor) && DescriptorTables.TrySetBusy(c, old.Selector, descriptor, busy: false);
    }
}
