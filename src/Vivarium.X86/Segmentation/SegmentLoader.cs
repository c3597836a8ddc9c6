namespace Vivarium.X86;

/// <summary>Loads of ES, SS, DS, FS, GS, LDTR and TR with the checks of Intel SDM Vol. 2, MOV and LLDT/LTR, and Vol. 3A §5.6–5.7.</summary>
internal static unsafe class SegmentLoader
{
    private const uint RealModeAttributes = 0x93;
    private const uint Virtual8086Attributes = 0xF3;

    /// <summary>Loads any data segment register or SS in the current mode.</summary>
    public static bool TryLoad(CpuCore c, X86Segment segment, ushort selector)
    {
        if (c.IsRealOrVirtual8086)
        {
            LoadReal(c, segment, selector);
            return true;
        }

        return segment == X86Segment.Ss ? TryLoadStack(c, selector) : TryLoadData(c, segment, selector);
    }

    /// <summary>Real-address mode changes only selector and base, so that "unreal" limits stay; virtual-8086 mode resets all.</summary>
    public static void LoadReal(CpuCore c, X86Segment segment, ushort selector)
    {
        ref var register = ref c.Segment((int)segment);
        register.Selector = selector;
        register.Base = (ulong)selector << 4;
        if (c.IsVirtual8086)
        {
            register.Limit = 0xFFFF;
            register.Attributes = Virtual8086Attributes;
        }
        else if (!register.IsUsable || segment == X86Segment.Cs)
        {
            register.Attributes = RealModeAttributes | (register.Attributes & SegmentRegister.Default32);
            register.Limit = Math.Max(register.Limit, 0xFFFF);
        }
    }

    /// <summary>Makes a data segment register null.</summary>
    public static void LoadNull(CpuCore c, X86Segment segment, ushort selector)
    {
        ref var register = ref c.Segment((int)segment);
        register = new SegmentRegister { Selector = selector, Attributes = SegmentRegister.Unusable };
    }

    /// <summary>LLDT.</summary>
    public static bool TryLoadLdt(CpuCore c, ushort selector)
    {
        if (DescriptorTables.IsNull(selector))
        {
            LoadNull(c, X86Segment.Ldtr, selector);
            return true;
        }

        var code = DescriptorTables.ErrorCode(selector);
        if ((selector & 4) != 0)
        {
            return c.RaiseGp(code);
        }

        if (!DescriptorTables.TryReadSystem(c, selector, out var descriptor))
        {
            return false;
        }

        if (descriptor.IsCodeOrData || descriptor.Type != SegmentDescriptor.Ldt || (c.IsLongMode && !descriptor.IsValidSystem64))
        {
            return c.RaiseGp(code);
        }

        if (!descriptor.IsPresent)
        {
            return c.Raise(ExceptionVector.SegmentNotPresent, code);
        }

        c.State->Ldtr = descriptor.ToRegister(selector);
        c.State->Ldtr.Base = c.IsLongMode ? descriptor.Base64 : descriptor.Base;
        return true;
    }

    /// <summary>LTR.</summary>
    public static bool TryLoadTask(CpuCore c, ushort selector)
    {
        var code = DescriptorTables.ErrorCode(selector);
        if (DescriptorTables.IsNull(selector) || (selector & 4) != 0)
        {
            return c.RaiseGp(code);
        }

        if (!DescriptorTables.TryReadSystem(c, selector, out var descriptor))
        {
            return false;
        }

        var valid = descriptor.Type == SegmentDescriptor.Tss32Available || (descriptor.Type == SegmentDescriptor.Tss16Available && !c.IsLongMode);
        if (descriptor.IsCodeOrData || !valid || (c.IsLongMode && !descriptor.IsValidSystem64))
        {
            return c.RaiseGp(code);
        }

        if (!descriptor.IsPresent)
        {
            return c.Raise(ExceptionVector.SegmentNotPresent, code);
        }

        if (!DescriptorTables.TrySetBusy(c, selector, descriptor, busy: true))
        {
            return false;
        }

        c.State->Tr = descriptor.ToRegister(selector);
        c.State->Tr.Attributes |= 2;
        c.State->Tr.Base = c.IsLongMode ? descriptor.Base64 : descriptor.Base;
        return true;
    }

    /// <summary>Checks a stack segment for privilege <paramref name="cpl"/> and gives its register. <paramref name="vector"/> is #TS in gates and task switches.</summary>
    public static bool TryCheckStack(CpuCore c, ushort selector, int cpl, ExceptionVector vector, uint external, out SegmentRegister register)
    {
        register = default;
        var code = DescriptorTables.ErrorCode(selector, external);
        if (DescriptorTables.IsNull(selector))
        {
            return c.Raise(vector, vector == ExceptionVector.InvalidTss ? code : 0);
        }

        if (!DescriptorTables.TryRead(c, selector, out var descriptor, vector, external))
        {
            return false;
        }

        if ((selector & 3) != cpl || !descriptor.IsCodeOrData || descriptor.IsCode || !descriptor.IsReadableOrWritable || descriptor.Dpl != cpl)
        {
            return c.Raise(vector, code);
        }

        if (!descriptor.IsPresent)
        {
            return c.Raise(ExceptionVector.StackFault, code);
        }

        if (!DescriptorTables.TrySetAccessed(c, selector, ref descriptor))
        {
            return false;
        }

        register = descriptor.ToRegister(selector);
        return true;
    }

    private static bool TryLoadStack(CpuCore c, ushort selector)
    {
        var cpl = (int)c.State->Cpl;
        if (DescriptorTables.IsNull(selector) && c.Is64BitCode && cpl < 3 && (selector & 3) == cpl)
        {
            LoadNull(c, X86Segment.Ss, selector);
            c.State->Ss.Attributes |= (uint)cpl << 5;
            return true;
        }

        if (!TryCheckStack(c, selector, cpl, ExceptionVector.GeneralProtection, 0, out var register))
        {
            return false;
        }

        c.State->Ss = register;
        return true;
    }

    private static bool TryLoadData(CpuCore c, X86Segment segment, ushort selector)
    {
        if (DescriptorTables.IsNull(selector))
        {
            LoadNull(c, segment, selector);
            return true;
        }

        if (!DescriptorTables.TryRead(c, selector, out var descriptor))
        {
            return false;
        }

        var code = DescriptorTables.ErrorCode(selector);
        var privilege = Math.Max((int)c.State->Cpl, selector & 3);
        var conforming = descriptor.IsCode && descriptor.IsConforming;
        if (!descriptor.IsCodeOrData || (descriptor.IsCode && !descriptor.IsReadableOrWritable) || (!conforming && privilege > descriptor.Dpl))
        {
            return c.RaiseGp(code);
        }

        if (!descriptor.IsPresent)
        {
            return c.Raise(ExceptionVector.SegmentNotPresent, code);
        }

        if (!DescriptorTables.TrySetAccessed(c, selector, ref descriptor))
        {
            return false;
        }

        c.Segment((int)segment) = descriptor.ToRegister(selector);
        return true;
    }
}
