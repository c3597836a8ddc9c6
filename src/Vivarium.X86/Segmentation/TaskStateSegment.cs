namespace Vivarium.X86;

/// <summary>Reads, writes and activates the register image in a TSS (Intel SDM Vol. 3A §8.2.1 and §8.6).</summary>
internal static unsafe class TaskStateSegment
{
    // Slots of the image, as the 32-bit TSS has them from offset 28 on: CR3, EIP, EFLAGS, eight registers, six segments, LDT, trap.
    private const int Cr3 = 0;
    private const int Eip = 1;
    private const int Eflags = 2;
    private const int Registers = 3;
    private const int Segments = 11;
    private const int Ldt = 17;
    private const int Trap = 18;
    private const ulong Offset32 = 28;
    private const ulong Offset16 = 14;

    /// <summary>Reads a TSS into the image.</summary>
    public static bool TryLoad(CpuCore c, ulong tss, bool is32Bit, uint* image)
    {
        for (var slot = 0; slot <= Trap; slot++)
        {
            ulong value;
            if (is32Bit)
            {
                if (!c.TryReadSystem<uint>(tss + Offset32 + (ulong)(slot * 4), out value))
                {
                    return false;
                }
            }
            else if (slot is Cr3 or Trap or (Segments + 4) or (Segments + 5))
            {
                // A 16-bit TSS has no CR3, FS, GS or trap bit.
                value = 0;
            }
            else if (!c.TryReadSystem<ushort>(tss + Slot16(slot), out value))
            {
                return false;
            }

            image[slot] = (uint)value;
        }

        return true;
    }

    /// <summary>Saves the running task into its TSS.</summary>
    public static bool TrySave(CpuCore c, SegmentRegister tr, bool clearNested)
    {
        var s = c.State;
        var is32Bit = (tr.Attributes & 8) != 0;
        var flags = LazyFlags.GetAll(s) & (clearNested ? ~Rflags.Nt : ulong.MaxValue);
        for (var slot = (int)Eip; slot < Ldt; slot++)
        {
            var value = slot switch
            {
                Eip => s->Rip,
                Eflags => flags,
                < Segments => s->Gpr[slot - Registers],
                _ => c.Segment(slot - Segments).Selector,
            };
            var absent = !is32Bit && slot is (Segments + 4) or (Segments + 5);
            if (!absent && !(is32Bit ? c.TryWriteSystem<uint>(tr.Base + Offset32 + (ulong)(slot * 4), value) : c.TryWriteSystem<ushort>(tr.Base + Slot16(slot), value)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Loads the image into the processor. Faults from here on belong to the new task.</summary>
    public static bool TryActivate(CpuCore c, uint* image, bool is32Bit, bool nested)
    {
        var s = c.State;
        if (is32Bit && (s->Cr0 & ControlBits.Cr0Pg) != 0 && s->Cr3 != image[Cr3])
        {
            if (!ControlRegisters.TryLoadCr3(c, image[Cr3]))
            {
                return false;
            }
        }

        LazyFlags.SetAll(s, image[Eflags] | (nested ? Rflags.Nt : 0));
        for (var i = 0; i < 8; i++)
        {
            s->Gpr[i] = is32Bit ? image[Registers + i] : 0xFFFF0000 | image[Registers + i];
        }

        s->Rip = image[Eip];
        for (var i = 0; i < 6; i++)
        {
            SegmentLoader.LoadNull(c, (X86Segment)i, (ushort)image[Segments + i]);
        }

        SegmentLoader.LoadNull(c, X86Segment.Ldtr, (ushort)image[Ldt]);
        var done = (image[Eflags] & Rflags.Vm) != 0 ? ActivateVirtual8086(c, image) : TryActivateProtected(c, image);
        if (done && (image[Trap] & 1) != 0)
        {
            s->PendingDebug |= 1 << 15;
        }

        return done;
    }

    private static bool ActivateVirtual8086(CpuCore c, uint* image)
    {
        c.State->Cpl = 3;
        for (var i = 0; i < 6; i++)
        {
            SegmentLoader.LoadReal(c, (X86Segment)i, (ushort)image[Segments + i]);
        }

        c.UpdateMode();
        return TryLoadLdt(c, image);
    }

    private static bool TryActivateProtected(CpuCore c, uint* image)
    {
        var s = c.State;
        var selector = (ushort)image[Segments + (int)X86Segment.Cs];
        var cpl = selector & 3;
        s->Cpl = (uint)cpl;
        c.UpdateMode();
        if (!TryLoadLdt(c, image))
        {
            return false;
        }

        var code = DescriptorTables.ErrorCode(selector);
        if (DescriptorTables.IsNull(selector) || !DescriptorTables.TryRead(c, selector, out var descriptor, ExceptionVector.InvalidTss))
        {
            return DescriptorTables.IsNull(selector) && c.Raise(ExceptionVector.InvalidTss, code);
        }

        if (!descriptor.IsCodeOrData || !descriptor.IsCode || (descriptor.IsConforming ? descriptor.Dpl > cpl : descriptor.Dpl != cpl))
        {
            return c.Raise(ExceptionVector.InvalidTss, code);
        }

        if (!descriptor.IsPresent)
        {
            return c.Raise(ExceptionVector.SegmentNotPresent, code);
        }

        if (!DescriptorTables.TrySetAccessed(c, selector, ref descriptor))
        {
            return false;
        }

        s->Cs = descriptor.ToRegister(selector);
        if (!SegmentLoader.TryCheckStack(c, (ushort)image[Segments + (int)X86Segment.Ss], cpl, ExceptionVector.InvalidTss, 0, out var stack))
        {
            return false;
        }

        s->Ss = stack;
        ReadOnlySpan<X86Segment> data = [X86Segment.Es, X86Segment.Ds, X86Segment.Fs, X86Segment.Gs];
        foreach (var segment in data)
        {
            if (!SegmentLoader.TryLoad(c, segment, (ushort)image[Segments + (int)segment]))
            {
                return AsInvalidTss(c);
            }
        }

        return s->Rip <= s->Cs.Limit || c.RaiseGp();
    }

    /// <summary>A bad LDT is #TS, even one that is not present.</summary>
    private static bool TryLoadLdt(CpuCore c, uint* image)
    {
        if (SegmentLoader.TryLoadLdt(c, (ushort)image[Ldt]))
        {
            return true;
        }

        return c.FaultVector == ExceptionVector.SegmentNotPresent ? c.Raise(ExceptionVector.InvalidTss, c.FaultErrorCode) : AsInvalidTss(c);
    }

    /// <summary>Bad segments of a new task are #TS where a plain load would raise #GP.</summary>
    private static bool AsInvalidTss(CpuCore c) =>
        c.FaultVector == ExceptionVector.GeneralProtection ? c.Raise(ExceptionVector.InvalidTss, c.FaultErrorCode) : false;

    /// <summary>The 16-bit TSS: IP at 14, flags, eight registers, ES, CS, SS, DS, LDT at 42.</summary>
    private static ulong Slot16(int slot) => slot == Ldt ? 42 : Offset16 + (ulong)((slot - Eip) * 2);
}
