namespace Vivarium.X86;

/// <summary>
/// Enters an interrupt or exception handler through the IVT or IDT (Intel SDM Vol. 3A §6.12–6.14, §20.1.4, §20.3).
/// RIP on entry is what the handler returns to. False: delivery itself faulted, and that fault is recorded.
/// </summary>
internal static unsafe class InterruptDelivery
{
    private const int Rsp = 4;

    public static bool TryDeliver(CpuCore c, byte vector, EventKind kind, bool hasErrorCode, uint errorCode)
    {
        bool done;
        if (!c.IsProtected)
        {
            done = TryReal(c, vector);
        }
        else
        {
            done = c.IsLongMode
                ? TryLong(c, vector, kind, hasErrorCode, errorCode)
                : TryProtected(c, vector, kind, hasErrorCode, errorCode);
        }

        c.HasEnteredHandler |= done;
        return done;
    }

    private static bool TryReal(CpuCore c, byte vector)
    {
        var s = c.State;
        if ((vector * 4u) + 3 > s->IdtLimit)
        {
            return c.RaiseGp(IdtError(vector, EventKind.Exception));
        }

        if (!c.TryReadSystem<uint>(s->IdtBase + (vector * 4UL), out var entry))
        {
            return false;
        }

        var rsp = s->Gpr[Rsp];
        if (!c.TryPush<ushort>(LazyFlags.GetAll(s)) || !c.TryPush<ushort>(s->Cs.Selector) || !c.TryPush<ushort>(s->Rip))
        {
            s->Gpr[Rsp] = rsp;
            return false;
        }

        s->FlagSystem &= ~(Rflags.If | Rflags.Tf | Rflags.Ac | Rflags.Rf);
        SegmentLoader.LoadReal(c, X86Segment.Cs, (ushort)(entry >> 16));
        s->Rip = entry & 0xFFFF;
        c.UpdateMode();
        return true;
    }

    private static bool TryProtected(CpuCore c, byte vector, EventKind kind, bool hasErrorCode, uint errorCode)
    {
        var s = c.State;
        if ((vector * 8u) + 7 > s->IdtLimit)
        {
            return c.RaiseGp(IdtError(vector, kind));
        }

        if (!c.TryReadSystem<ulong>(s->IdtBase + (vector * 8UL), out var low))
        {
            return false;
        }

        var gate = new SegmentDescriptor(low);
        var isGate = !gate.IsCodeOrData && gate.Type is SegmentDescriptor.TaskGate or SegmentDescriptor.InterruptGate16
            or SegmentDescriptor.TrapGate16 or SegmentDescriptor.InterruptGate32 or SegmentDescriptor.TrapGate32;
        if (!CheckGate(c, vector, kind, gate, isGate))
        {
            return false;
        }

        var external = External(kind);
        if (gate.Type == SegmentDescriptor.TaskGate)
        {
            if (!TaskSwitch.TrySwitch(c, gate.GateSelector, TaskSwitchKind.Gate, external))
            {
                return false;
            }

            return !hasErrorCode || ((s->Tr.Attributes & 8) != 0 ? c.TryPush<uint>(errorCode) : c.TryPush<ushort>(errorCode));
        }

        var is32Bit = (gate.Type & 8) != 0;
        var size = is32Bit ? 4 : 2;
        var offset = is32Bit ? gate.GateOffset32 : gate.GateOffset16;
        if (!TryReadHandler(c, gate.GateSelector, external, out var descriptor) || !CheckOffset(c, descriptor, offset, external))
        {
            return false;
        }

        var flags = LazyFlags.GetAll(s);
        var fromV86 = c.IsVirtual8086;
        if (fromV86 && (descriptor.IsConforming || descriptor.Dpl != 0))
        {
            return c.RaiseGp(DescriptorTables.ErrorCode(gate.GateSelector, external));
        }

        var inner = !descriptor.IsConforming && descriptor.Dpl < (int)s->Cpl;
        var selector = gate.GateSelector;
        if (!inner)
        {
            var rsp = s->Gpr[Rsp];
            if (!c.TryPush(size, flags) || !c.TryPush(size, s->Cs.Selector) || !c.TryPush(size, s->Rip)
                || (hasErrorCode && !c.TryPush(size, errorCode))
                || !DescriptorTables.TrySetAccessed(c, selector, ref descriptor))
            {
                s->Gpr[Rsp] = rsp;
                return c.FailPush(external);
            }

            CodeSegment.Commit(c, selector, descriptor, (int)s->Cpl, offset);
        }
        else
        {
            if (!StackSwitch.TryRead(c, descriptor.Dpl, 0, external, out var stack))
            {
                return false;
            }

            var frame = new StackFrame(c, stack, descriptor.Dpl, external);
            if ((fromV86 && !(frame.TryPush(size, s->Gs.Selector) && frame.TryPush(size, s->Fs.Selector)
                    && frame.TryPush(size, s->Ds.Selector) && frame.TryPush(size, s->Es.Selector)))
                || !frame.TryPush(size, s->Ss.Selector) || !frame.TryPush(size, s->Gpr[Rsp])
                || !frame.TryPush(size, flags) || !frame.TryPush(size, s->Cs.Selector) || !frame.TryPush(size, s->Rip)
                || (hasErrorCode && !frame.TryPush(size, errorCode))
                || !DescriptorTables.TrySetAccessed(c, selector, ref descriptor))
            {
                return false;
            }

            s->FlagSystem &= ~Rflags.Vm;
            if (fromV86)
            {
                SegmentLoader.LoadNull(c, X86Segment.Gs, 0);
                SegmentLoader.LoadNull(c, X86Segment.Fs, 0);
                SegmentLoader.LoadNull(c, X86Segment.Ds, 0);
                SegmentLoader.LoadNull(c, X86Segment.Es, 0);
            }

            CodeSegment.Commit(c, selector, descriptor, descriptor.Dpl, offset);
            frame.Commit();
        }

        ClearFlags(c, isInterruptGate: (gate.Type & 1) == 0);
        return true;
    }

    private static bool TryLong(CpuCore c, byte vector, EventKind kind, bool hasErrorCode, uint errorCode)
    {
        var s = c.State;
        if ((vector * 16u) + 15 > s->IdtLimit)
        {
            return c.RaiseGp(IdtError(vector, kind));
        }

        var at = s->IdtBase + (vector * 16UL);
        if (!c.TryReadSystem<ulong>(at, out var low) || !c.TryReadSystem<ulong>(at + 8, out var high))
        {
            return false;
        }

        var gate = new SegmentDescriptor(low, high);
        var isGate = !gate.IsCodeOrData && gate.Type is SegmentDescriptor.InterruptGate32 or SegmentDescriptor.TrapGate32;
        var external = External(kind);
        if (!CheckGate(c, vector, kind, gate, isGate) || !TryReadHandler(c, gate.GateSelector, external, out var descriptor))
        {
            return false;
        }

        if (!descriptor.IsLong || descriptor.IsDefault32)
        {
            return c.RaiseGp(DescriptorTables.ErrorCode(gate.GateSelector, external));
        }

        if (!CheckOffset(c, descriptor, gate.GateOffset64, external))
        {
            return false;
        }

        var cpl = descriptor.IsConforming ? (int)s->Cpl : descriptor.Dpl;
        var inner = cpl < (int)s->Cpl;
        var stack = new InnerStack(s->Ss, s->Gpr[Rsp]);
        if ((inner || gate.InterruptStackTable != 0) && !StackSwitch.TryRead(c, cpl, gate.InterruptStackTable, external, out stack))
        {
            return false;
        }

        if (!inner)
        {
            stack = new InnerStack(s->Ss, stack.Rsp);
        }

        var selector = gate.GateSelector;
        var frame = new StackFrame(c, stack, cpl, external);
        frame.Align16();
        if (!frame.TryPush(8, s->Ss.Selector) || !frame.TryPush(8, s->Gpr[Rsp]) || !frame.TryPush(8, LazyFlags.GetAll(s))
            || !frame.TryPush(8, s->Cs.Selector) || !frame.TryPush(8, s->Rip)
            || (hasErrorCode && !frame.TryPush(8, errorCode))
            || !DescriptorTables.TrySetAccessed(c, selector, ref descriptor))
        {
            return false;
        }

        CodeSegment.Commit(c, selector, descriptor, cpl, gate.GateOffset64);
        frame.Commit();
        ClearFlags(c, isInterruptGate: (gate.Type & 1) == 0);
        return true;
    }

    private static void ClearFlags(CpuCore c, bool isInterruptGate)
    {
        c.State->FlagSystem &= ~(Rflags.Tf | Rflags.Nt | Rflags.Rf | Rflags.Vm | (isInterruptGate ? Rflags.If : 0));
        c.UpdateMode();
    }

    private static bool CheckGate(CpuCore c, byte vector, EventKind kind, in SegmentDescriptor gate, bool isGate)
    {
        var isSoftware = kind is EventKind.Software or EventKind.SoftwareException;
        if (!isGate || (isSoftware && gate.Dpl < (int)c.State->Cpl))
        {
            return c.RaiseGp(IdtError(vector, kind));
        }

        return gate.IsPresent || c.Raise(ExceptionVector.SegmentNotPresent, IdtError(vector, kind));
    }

    private static bool TryReadHandler(CpuCore c, ushort selector, uint external, out SegmentDescriptor descriptor)
    {
        descriptor = default;
        if (DescriptorTables.IsNull(selector))
        {
            return c.RaiseGp(external);
        }

        if (!DescriptorTables.TryRead(c, selector, out descriptor, ExceptionVector.GeneralProtection, external))
        {
            return false;
        }

        if (!descriptor.IsCodeOrData || !descriptor.IsCode || descriptor.Dpl > (int)c.State->Cpl)
        {
            return c.RaiseGp(DescriptorTables.ErrorCode(selector, external));
        }

        return descriptor.IsPresent || c.Raise(ExceptionVector.SegmentNotPresent, DescriptorTables.ErrorCode(selector, external));
    }

    private static bool CheckOffset(CpuCore c, in SegmentDescriptor descriptor, ulong offset, uint external) =>
        CodeSegment.CheckTarget(c, descriptor, offset) || c.RaiseGp(external);

    private static uint External(EventKind kind) => kind is EventKind.Exception or EventKind.External ? 1u : 0;

    private static uint IdtError(byte vector, EventKind kind) => ((uint)vector << 3) | 2 | External(kind);
}
