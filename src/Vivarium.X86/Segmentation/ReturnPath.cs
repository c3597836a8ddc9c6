namespace Vivarium.X86;

/// <summary>What far RET and IRET share: the check of the code segment returned to, and the return to an outer level.</summary>
internal static unsafe class ReturnPath
{
    /// <summary>Checks the code segment and target (Intel SDM Vol. 2, RET and IRET). Records #GP or #NP.</summary>
    public static bool Check(CpuCore c, ushort selector, in SegmentDescriptor descriptor, ulong target)
    {
        var rpl = selector & 3;
        var code = DescriptorTables.ErrorCode(selector);
        if (!descriptor.IsCodeOrData || !descriptor.IsCode || rpl < (int)c.State->Cpl
            || (descriptor.IsConforming ? descriptor.Dpl > rpl : descriptor.Dpl != rpl)
            || (c.IsLongMode && descriptor.IsLong && descriptor.IsDefault32))
        {
            return c.RaiseGp(code);
        }

        if (!descriptor.IsPresent)
        {
            return c.Raise(ExceptionVector.SegmentNotPresent, code);
        }

        return CodeSegment.CheckTarget(c, descriptor, target);
    }

    /// <summary>Returns to a less privileged level with a stack of its own, and makes data segments that it may not use null.</summary>
    public static bool TryToOuter(CpuCore c, ushort selector, SegmentDescriptor descriptor, ulong target, ushort newSs, ulong newRsp, int releaseBytes)
    {
        var s = c.State;
        var rpl = selector & 3;
        var toLong = c.IsLongMode && descriptor.IsLong;
        SegmentRegister stack;
        if (DescriptorTables.IsNull(newSs) && toLong && rpl != 3 && (newSs & 3) == rpl)
        {
            stack = new SegmentRegister { Selector = newSs, Attributes = SegmentRegister.Unusable | ((uint)rpl << 5) };
        }
        else if (!SegmentLoader.TryCheckStack(c, newSs, rpl, ExceptionVector.GeneralProtection, 0, out stack))
        {
            return false;
        }

        if (!CodeSegment.TryCommit(c, selector, descriptor, rpl, target))
        {
            return false;
        }

        s->Ss = stack;
        c.SetStackPointer(c.StackMask, newRsp + (ulong)releaseBytes);
        DropInnerSegments(c, rpl);
        return true;
    }

    /// <summary>Data and non-conforming code segments more privileged than the new level become null, and null selectors lose their RPL.</summary>
    public static void DropInnerSegments(CpuCore c, int cpl)
    {
        DropIfInner(c, X86Segment.Es, cpl);
        DropIfInner(c, X86Segment.Ds, cpl);
        DropIfInner(c, X86Segment.Fs, cpl);
        DropIfInner(c, X86Segment.Gs, cpl);
    }

    private static void DropIfInner(CpuCore c, X86Segment segment, int cpl)
    {
        ref var register = ref c.Segment((int)segment);
        if (DescriptorTables.IsNull(register.Selector))
        {
            // The rest stays: FS and GS have a base in 64-bit mode.
            register.Selector = 0;
        }

        var conformingCode = (register.Attributes & 0xC) == 0xC;
        if (register.IsUsable && register.Dpl < cpl && !conformingCode)
        {
            // The base stays, as processors do in 64-bit mode for FS and GS.
            register.Attributes |= SegmentRegister.Unusable;
            register.Selector = 0;
        }
    }
}
