namespace Vivarium.X86;

/// <summary>Instructions that look at selectors and load segment registers: MOV Sreg, PUSH/POP Sreg, LDS and its like, LAR, LSL, VERR, VERW, ARPL.</summary>
internal static unsafe class SelectorOps
{
    /// <summary>MOV r/m, Sreg; the segment is <see cref="DecodedOp.Immediate"/>.</summary>
    public static bool Store(CpuCore c, DecodedOp* op)
    {
        ulong selector = c.Segment((int)op->Immediate).Selector;
        if (op->HasMemory)
        {
            return c.TryStoreOperand<ushort>(op, selector);
        }

        switch (op->Size)
        {
            case 2: Width<ushort>.Set(c.State, op->Reg1, selector); break;
            case 4: Width<uint>.Set(c.State, op->Reg1, selector); break;
            default: Width<ulong>.Set(c.State, op->Reg1, selector); break;
        }

        return true;
    }

    /// <summary>MOV Sreg, r/m. Loading SS holds off interrupts for one instruction.</summary>
    public static bool Load(CpuCore c, DecodedOp* op)
    {
        if (!Operand<ushort>.TryGetSource(c, op, out var selector) || !SegmentLoader.TryLoad(c, (X86Segment)op->Immediate, (ushort)selector))
        {
            return false;
        }

        c.State->InterruptShadow = op->Immediate == (long)X86Segment.Ss ? InterruptShadow.LoadStack : InterruptShadow.None;
        return true;
    }

    public static bool Push(CpuCore c, DecodedOp* op) => c.TryPush(op->Size, c.Segment((int)op->Immediate).Selector);

    public static bool Pop(CpuCore c, DecodedOp* op)
    {
        var rsp = c.State->Gpr[4];
        if (!c.TryPop(op->Size, out var selector))
        {
            return false;
        }

        if (!SegmentLoader.TryLoad(c, (X86Segment)op->Immediate, (ushort)selector))
        {
            c.State->Gpr[4] = rsp;
            return false;
        }

        c.State->InterruptShadow = op->Immediate == (long)X86Segment.Ss ? InterruptShadow.LoadStack : InterruptShadow.None;
        return true;
    }

    /// <summary>LES, LDS, LSS, LFS, LGS: a far pointer from memory.</summary>
    public static bool LoadFarPointer(CpuCore c, DecodedOp* op)
    {
        if (!FarPointer.TryLoad(c, op, op->Size, out var selector, out var offset) || !SegmentLoader.TryLoad(c, (X86Segment)op->Immediate, selector))
        {
            return false;
        }

        switch (op->Size)
        {
            case 2: Width<ushort>.Set(c.State, op->Reg1, offset); break;
            case 4: Width<uint>.Set(c.State, op->Reg1, offset); break;
            default: Width<ulong>.Set(c.State, op->Reg1, offset); break;
        }

        return true;
    }

    public static bool Lar(CpuCore c, DecodedOp* op) => Inspect(c, op, static d => (d.Low >> 32) & 0x00FFFF00, IsLarType);

    public static bool Lsl(CpuCore c, DecodedOp* op) => Inspect(c, op, static d => d.Limit, IsLslType);

    public static bool Verr(CpuCore c, DecodedOp* op) => Verify(c, op, static d => !d.IsCode || d.IsReadableOrWritable, conformingIsVisible: true);

    public static bool Verw(CpuCore c, DecodedOp* op) => Verify(c, op, static d => !d.IsCode && d.IsReadableOrWritable, conformingIsVisible: false);

    public static bool Arpl(CpuCore c, DecodedOp* op)
    {
        if (c.IsRealOrVirtual8086)
        {
            return c.RaiseUd();
        }

        if (!Operand<ushort>.TryGet(c, op, out var destination))
        {
            return false;
        }

        var source = Width<ushort>.Get(c.State, op->Reg2);
        var raise = (destination & 3) < (source & 3);
        if (raise && !Operand<ushort>.TrySet(c, op, (destination & ~3UL) | (source & 3)))
        {
            return false;
        }

        SetZero(c, raise);
        return true;
    }

    private static bool Inspect(CpuCore c, DecodedOp* op, Func<SegmentDescriptor, ulong> value, Func<SegmentDescriptor, bool, bool> accepts)
    {
        if (c.IsRealOrVirtual8086)
        {
            return c.RaiseUd();
        }

        if (!Operand<ushort>.TryGetSource(c, op, out var selectorValue) || !TryLook(c, (ushort)selectorValue, out var descriptor, out var found))
        {
            return false;
        }

        var visible = found && accepts(descriptor, c.IsLongMode) && IsVisible(c, (ushort)selectorValue, descriptor, conformingIsVisible: true);
        if (visible)
        {
            var result = value(descriptor);
            switch (op->Size)
            {
                case 2: Width<ushort>.Set(c.State, op->Reg1, result); break;
                case 4: Width<uint>.Set(c.State, op->Reg1, result); break;
                default: Width<ulong>.Set(c.State, op->Reg1, result); break;
            }
        }

        SetZero(c, visible);
        return true;
    }

    private static bool Verify(CpuCore c, DecodedOp* op, Func<SegmentDescriptor, bool> permits, bool conformingIsVisible)
    {
        if (c.IsRealOrVirtual8086)
        {
            return c.RaiseUd();
        }

        if (!Operand<ushort>.TryGetSource(c, op, out var selector) || !TryLook(c, (ushort)selector, out var descriptor, out var found))
        {
            return false;
        }

        SetZero(c, found && descriptor.IsCodeOrData && permits(descriptor) && IsVisible(c, (ushort)selector, descriptor, conformingIsVisible));
        return true;
    }

    /// <summary>Reads a descriptor; a null or out-of-range selector is not a fault here.</summary>
    private static bool TryLook(CpuCore c, ushort selector, out SegmentDescriptor descriptor, out bool found)
    {
        descriptor = default;
        found = !DescriptorTables.IsNull(selector) && DescriptorTables.TryAddress(c, selector, 8, out _);
        if (!found)
        {
            return true;
        }

        DescriptorTables.TryAddress(c, selector, 8, out var address);
        if (!c.TryReadSystem<ulong>(address, out var low))
        {
            return false;
        }

        descriptor = new SegmentDescriptor(low);
        return true;
    }

    private static bool IsVisible(CpuCore c, ushort selector, in SegmentDescriptor descriptor, bool conformingIsVisible) =>
        (conformingIsVisible && descriptor.IsCodeOrData && descriptor.IsCode && descriptor.IsConforming)
        || descriptor.Dpl >= Math.Max((int)c.State->Cpl, selector & 3);

    private static bool IsLarType(SegmentDescriptor d, bool longMode) =>
        d.IsCodeOrData || (longMode ? d.Type is 2 or 9 or 11 or 12 : d.Type is 1 or 2 or 3 or 4 or 5 or 9 or 11 or 12);

    private static bool IsLslType(SegmentDescriptor d, bool longMode) =>
        d.IsCodeOrData || (longMode ? d.Type is 2 or 9 or 11 : d.Type is 1 or 2 or 3 or 9 or 11);

    private static void SetZero(CpuCore c, bool zero)
    {
        var flags = LazyFlags.Get(c.State) & ~Rflags.Zf;
        LazyFlags.Set(c.State, zero ? flags | Rflags.Zf : flags);
    }
}
