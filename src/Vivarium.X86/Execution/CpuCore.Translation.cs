using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>Linear to guest-physical translation and the TLB's upkeep.</summary>
internal sealed unsafe partial class CpuCore
{
    /// <summary>Chooses the TLB for the current privilege and flags. Call after any change of CPL, AC, CR0, CR4 or EFER.</summary>
    public void UpdateMode()
    {
        var alignment = (State->FlagSystem & Rflags.Ac) != 0;
        if (State->Cpl == 3)
        {
            _mode = alignment && (State->Cr0 & ControlBits.Cr0Am) != 0 ? MmuMode.UserAligned : MmuMode.User;
        }
        else
        {
            _mode = alignment && (State->Cr4 & ControlBits.Cr4Smap) != 0 ? MmuMode.SupervisorNoSmap : MmuMode.Supervisor;
        }

        _tlb = Tlb.ForMode(_mode);
    }

    /// <summary>Drops every cached translation, or all but global pages.</summary>
    public void FlushTlb(bool keepGlobal = false)
    {
        Tlb.Flush(keepGlobal);
        if (keepGlobal)
        {
            FetchContexts.RenewLocal();
        }
        else
        {
            FetchContexts.Renew();
        }
    }

    /// <summary>
    /// PKRU was changed. Translations hold the rights of their protection keys; those of keys that no page has are the same as before. Linux writes
    /// PKRU at every switch between a program and the idle task, and gives no page a key unless a program asks for it.
    /// </summary>
    public void FollowPkru(uint before)
    {
        if (((State->Pkru ^ before) & Walker.KeysUsed) != 0)
        {
            Tlb.Flush(keepGlobal: false);
        }
    }

    /// <summary>CR3 was loaded while process-context identifiers are on.</summary>
    public void SwitchAddressSpace(bool keepGlobal, bool keepsContext)
    {
        Tlb.Flush(keepGlobal);
        FetchContexts.Switch(State->Cr3, keepsContext);
    }

    /// <summary>Drops the translations of one page.</summary>
    public void FlushPage(ulong linear)
    {
        Tlb.FlushPage(linear);
        FetchContexts.Drop(linear);
    }

    /// <summary>Translates an instruction fetch. Records the page fault on failure.</summary>
    public bool TryTranslateFetch(ulong linear, out ulong gpa)
    {
        if ((State->Cr0 & ControlBits.Cr0Pg) == 0)
        {
            gpa = linear & AddressMask;
            return true;
        }

        if (!Walker.TryTranslate(linear, PageAccess.Fetch, State->Cpl == 3 ? MmuMode.User : MmuMode.Supervisor, out var result))
        {
            gpa = 0;
            return RaisePageFault(linear, result.ErrorCode);
        }

        gpa = result.Gpa & AddressMask;
        FetchContexts.Note(linear, result.PageShift, State->Cpl == 3, result.Global);
        return true;
    }

    /// <summary>Records #PF and sets CR2.</summary>
    public bool RaisePageFault(ulong linear, uint errorCode)
    {
        State->Cr2 = linear;
        return Raise(ExceptionVector.PageFault, errorCode);
    }

    /// <summary>
    /// Translates a data access and fills the TLB. <paramref name="host"/> is where to access, or null for MMIO. <paramref name="code"/> tells
    /// that the page holds translated code: see <see cref="GuestMemory.HoldsCode"/>.
    /// </summary>
    private bool TryTranslateData(ulong linear, PageAccess access, MmuMode mode, out ulong gpa, out byte* host, out bool code)
    {
        PageTranslation result;
        code = false;
        if ((State->Cr0 & ControlBits.Cr0Pg) == 0)
        {
            result = new PageTranslation { Gpa = linear, Readable = true, WriteCacheable = true };
        }
        else if (!Walker.TryTranslate(linear, access, mode, out result))
        {
            gpa = 0;
            host = null;
            return RaisePageFault(linear, result.ErrorCode);
        }

        gpa = result.Gpa & AddressMask;
        byte* page;
        var cacheWrite = false;
        if (access == PageAccess.Write)
        {
            page = Memory.GetWritePage(gpa, out cacheWrite);
            code = page != null && !cacheWrite;
        }
        else
        {
            page = Memory.GetReadPage(gpa);
        }

        host = page == null ? null : page + (gpa & 0xFFF);
        if (page != null && mode != MmuMode.UserAligned && !IsWatchedPage(linear))
        {
            Fill(linear, mode, page, result, cacheWrite);
            NoteFill(mode, linear & ~0xFFFUL, gpa);
        }

        return true;
    }

    /// <summary>Fills the TLB for an access in the current mode. False, with nothing changed, if it would fault.</summary>
    public bool TryFillTlb(ulong linear, PageAccess access)
    {
        if (IsLongMode && !IsCanonical(linear))
        {
            return false;
        }

        var cr2 = State->Cr2;
        if (TryTranslateData(linear, access, _mode, out _, out _, out _))
        {
            return true;
        }

        State->Cr2 = cr2;
        Pending = PendingKind.None;
        return false;
    }

    private void Fill(ulong linear, MmuMode mode, byte* page, in PageTranslation result, bool cacheWrite)
    {
        var linearPage = linear & ~0xFFFUL;
        var entry = Tlb.FillSlot(mode, linear, result.Global, result.PageShift, (nint)page);
        if (entry->Page != (nint)page)
        {
            if (entry->ReadTag == linearPage || entry->WriteTag == linearPage)
            {
                Tlb.Sites.Flush();
            }

            entry->ReadTag = entry->WriteTag = Tlb.InvalidTag((int)(linear >> 12) & (Tlb.EntryCount - 1));
            entry->Page = (nint)page;
        }

        if (result.Readable)
        {
            entry->ReadTag = linearPage;
        }

        if (cacheWrite && result.WriteCacheable)
        {
            entry->WriteTag = linearPage;
        }
    }

    private bool IsCanonical(ulong linear) => (ulong)((long)(linear << 16) >> 16) == linear;
}
