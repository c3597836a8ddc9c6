namespace Vivarium.X86;

/// <summary>Writes to CR0, CR3, CR4 and EFER with their checks and effects (Intel SDM Vol. 2B, MOV to CR; Vol. 3A §2.5, §9.8.5).</summary>
internal static unsafe class ControlRegisters
{
    private const ulong Cr0Defined = ControlBits.Cr0Pe | ControlBits.Cr0Mp | ControlBits.Cr0Em | ControlBits.Cr0Ts | ControlBits.Cr0Et
        | ControlBits.Cr0Ne | ControlBits.Cr0Wp | ControlBits.Cr0Am | ControlBits.Cr0Nw | ControlBits.Cr0Cd | ControlBits.Cr0Pg;

    private const ulong Cr4FlushBits = ControlBits.Cr4Pse | ControlBits.Cr4Pae | ControlBits.Cr4Pge | ControlBits.Cr4Pcide
        | ControlBits.Cr4Smep | ControlBits.Cr4Smap | ControlBits.Cr4Pke;

    public static bool TryWriteCr0(CpuCore c, ulong value)
    {
        var s = c.State;
        if ((value >> 32) != 0
            || ((value & ControlBits.Cr0Pg) != 0 && (value & ControlBits.Cr0Pe) == 0)
            || ((value & ControlBits.Cr0Nw) != 0 && (value & ControlBits.Cr0Cd) == 0))
        {
            return c.RaiseGp();
        }

        value = (value & Cr0Defined) | ControlBits.Cr0Et;
        var changed = value ^ s->Cr0;
        if ((changed & ControlBits.Cr0Pg) != 0)
        {
            var paging = (value & ControlBits.Cr0Pg) != 0;
            if (paging ? !TryEnablePaging(c) : !TryDisablePaging(c))
            {
                return false;
            }
        }

        s->Cr0 = value;
        if ((changed & (ControlBits.Cr0Pg | ControlBits.Cr0Wp | ControlBits.Cr0Pe)) != 0)
        {
            c.FlushTlb();
        }

        c.UpdateMode();
        return true;
    }

    public static bool TryWriteCr3(CpuCore c, ulong value)
    {
        // With CR4.PCIDE, bit 63 asks to keep translations; a TLB may always drop more than asked.
        const ulong Keep = 1UL << 63;
        if (!c.IsLongMode || (c.State->Cr4 & ControlBits.Cr4Pcide) == 0)
        {
            return c.IsLongMode && (value & ~PageEntry.PhysicalMask) != 0 ? c.RaiseGp() : TryLoadCr3(c, value);
        }

        if ((value & ~(PageEntry.PhysicalMask | Keep)) != 0)
        {
            return c.RaiseGp();
        }

        c.State->Cr3 = value & ~Keep;
        c.SwitchAddressSpace(keepGlobal: (c.State->Cr4 & ControlBits.Cr4Pge) != 0, (value & Keep) != 0);
        return true;
    }

    /// <summary>Loads CR3 and, for legacy PAE paging, the four page-directory-pointer entries.</summary>
    public static bool TryLoadCr3(CpuCore c, ulong value)
    {
        var s = c.State;
        if ((s->Cr0 & ControlBits.Cr0Pg) != 0 && IsLegacyPae(s) && !TryLoadPdptes(c, value))
        {
            return false;
        }

        s->Cr3 = value;
        c.FlushTlb(keepGlobal: (s->Cr4 & ControlBits.Cr4Pge) != 0);
        return true;
    }

    /// <summary>Loads the page-directory-pointer entries if legacy PAE paging is on, whatever they are: for a state that the host sets up.</summary>
    public static void ReloadPointers(CpuCore c)
    {
        if ((c.State->Cr0 & ControlBits.Cr0Pg) != 0 && IsLegacyPae(c.State) && !TryLoadPdptes(c, c.State->Cr3))
        {
            c.Pending = PendingKind.None;
        }
    }

    public static bool TryWriteCr4(CpuCore c, ulong value)
    {
        var s = c.State;
        if ((value & ~c.Model.Cr4Mask) != 0)
        {
            return c.RaiseGp();
        }

        var changed = value ^ s->Cr4;
        if (c.IsLongMode && (value & ControlBits.Cr4Pae) == 0)
        {
            return c.RaiseGp();
        }

        if ((changed & value & ControlBits.Cr4Pcide) != 0 && (!c.IsLongMode || (s->Cr3 & 0xFFF) != 0))
        {
            return c.RaiseGp();
        }

        var old = s->Cr4;
        s->Cr4 = value;
        const ulong ReloadBits = ControlBits.Cr4Pae | ControlBits.Cr4Pge | ControlBits.Cr4Pse | ControlBits.Cr4Smep;
        if ((s->Cr0 & ControlBits.Cr0Pg) != 0 && IsLegacyPae(s) && (changed & ReloadBits) != 0 && !TryLoadPdptes(c, s->Cr3))
        {
            s->Cr4 = old;
            return false;
        }

        if ((changed & Cr4FlushBits) != 0)
        {
            c.FlushTlb();
        }

        c.UpdateMode();
        return true;
    }

    public static bool TryWriteEfer(CpuCore c, ulong value)
    {
        var s = c.State;
        var changed = value ^ s->Efer;
        if ((value & ~c.Model.EferMask) != 0 || ((changed & ControlBits.EferLme) != 0 && (s->Cr0 & ControlBits.Cr0Pg) != 0))
        {
            return c.RaiseGp();
        }

        s->Efer = (value & ~ControlBits.EferLma) | (s->Efer & ControlBits.EferLma);
        if ((changed & ControlBits.EferNxe) != 0)
        {
            c.FlushTlb();
        }

        return true;
    }

    private static bool IsLegacyPae(CpuState* s) => (s->Cr4 & ControlBits.Cr4Pae) != 0 && (s->Efer & ControlBits.EferLma) == 0;

    private static bool TryEnablePaging(CpuCore c)
    {
        var s = c.State;
        if ((s->Efer & ControlBits.EferLme) != 0)
        {
            var has16BitTask = s->Tr.IsUsable && (s->Tr.Attributes & 0xD) == 1;
            if ((s->Cr4 & ControlBits.Cr4Pae) == 0 || (s->Cs.Attributes & SegmentRegister.Long) != 0 || has16BitTask)
            {
                return c.RaiseGp();
            }

            s->Efer |= ControlBits.EferLma;
            return true;
        }

        return !IsLegacyPae(s) || TryLoadPdptes(c, s->Cr3);
    }

    private static bool TryDisablePaging(CpuCore c)
    {
        var s = c.State;
        if (c.Is64BitCode || (s->Cr4 & ControlBits.Cr4Pcide) != 0)
        {
            return c.RaiseGp();
        }

        s->Efer &= ~ControlBits.EferLma;
        return true;
    }

    private static bool TryLoadPdptes(CpuCore c, ulong cr3)
    {
        const ulong Reserved = PageEntry.ReservedHigh | (0xFFFUL << 52) | 0x1E6;
        var entries = stackalloc ulong[4];
        for (var i = 0; i < 4; i++)
        {
            entries[i] = c.ReadPhysicalEntry((cr3 & 0xFFFFFFE0) + (ulong)(i * 8));
            if ((entries[i] & PageEntry.Present) != 0 && (entries[i] & Reserved) != 0)
            {
                return c.RaiseGp();
            }
        }

        for (var i = 0; i < 4; i++)
        {
            c.State->Pdpte[i] = entries[i];
        }

        return true;
    }
}
