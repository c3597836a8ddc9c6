using System.Runtime.CompilerServices;
using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// Walks the guest's page tables: 32-bit with PSE, PAE and 4-level with 2 MiB and 1 GiB pages (Intel SDM Vol. 3A chapter 4).
/// Sets accessed and dirty bits by compare-exchange, as other vCPUs and the guest itself change entries at the same time.
/// </summary>
internal sealed unsafe class PageWalker(CpuState* state, GuestMemory memory, bool has1GbPages)
{
    private readonly CpuState* _state = state;
    private readonly GuestMemory _memory = memory;

    /// <summary>Bits of PKRU that a translation was ever made with: what else changes there changes no translation.</summary>
    public uint KeysUsed { get; private set; }

    /// <summary>Bits that accumulate over the levels: writable and user by AND, no-execute by OR.</summary>
    private struct Rights
    {
        public ulong AndBits;
        public ulong NoExecute;
    }

    /// <summary>Translates for an access; false with an error code on a page fault.</summary>
    public bool TryTranslate(ulong linear, PageAccess access, MmuMode mode, out PageTranslation result)
    {
        do
        {
            if (TryWalk(linear, access, mode, out result))
            {
                return true;
            }
        }
        while (result.HasLostRace);
        return false;
    }

    private bool TryWalk(ulong linear, PageAccess access, MmuMode mode, out PageTranslation result)
    {
        var user = mode is MmuMode.User or MmuMode.UserAligned;
        var code = (access == PageAccess.Write ? PageFaultCode.Write : 0)
            | (user ? PageFaultCode.User : 0)
            | (access == PageAccess.Fetch && FetchIsReported ? PageFaultCode.Fetch : 0);
        var rights = new Rights { AndBits = PageEntry.Writable | PageEntry.User };
        bool found;
        if ((_state->Efer & ControlBits.EferLma) != 0)
        {
            found = WalkLong(linear, access, mode, ref rights, ref code, out result);
        }
        else if ((_state->Cr4 & ControlBits.Cr4Pae) != 0)
        {
            found = WalkPae(linear, access, mode, ref rights, ref code, out result);
        }
        else
        {
            found = WalkLegacy(linear, access, mode, ref rights, ref code, out result);
        }

        result.ErrorCode = code;
        return found;
    }

    private bool FetchIsReported =>
        (_state->Cr4 & ControlBits.Cr4Smep) != 0
        || ((_state->Efer & ControlBits.EferNxe) != 0 && (_state->Cr4 & ControlBits.Cr4Pae) != 0);

    /// <summary>Bits 62:52, which legacy PAE entries must have clear.</summary>
    private const ulong PaeReserved = 0x7FFUL << 52;

    private ulong ReservedNx => (_state->Efer & ControlBits.EferNxe) != 0 ? 0 : PageEntry.NoExecute;

    private bool WalkLong(ulong linear, PageAccess access, MmuMode mode, ref Rights rights, ref uint code, out PageTranslation result) =>
        Walk64(_state->Cr3 & PageEntry.FrameMask, 4, 0, linear, access, mode, ref rights, ref code, out result);

    private bool WalkPae(ulong linear, PageAccess access, MmuMode mode, ref Rights rights, ref uint code, out PageTranslation result)
    {
        result = default;
        var pdpte = _state->Pdpte[(linear >> 30) & 3];
        return (pdpte & PageEntry.Present) != 0
            && Walk64(pdpte & PageEntry.FrameMask, 2, PaeReserved, linear, access, mode, ref rights, ref code, out result);
    }

    /// <summary>Walks tables of 64-bit entries from <paramref name="level"/> down; <paramref name="reservedAlways"/> adds to the reserved bits.</summary>
    private bool Walk64(
        ulong table, int level, ulong reservedAlways, ulong linear, PageAccess access, MmuMode mode, ref Rights rights, ref uint code, out PageTranslation result)
    {
        result = default;
        for (; ; level--)
        {
            var shift = 12 + ((level - 1) * 9);
            var entryGpa = table + (((linear >> shift) & 0x1FF) * 8);
            var entry = Read64(entryGpa);
            if ((entry & PageEntry.Present) == 0)
            {
                return false;
            }

            var large = level is 2 or 3 && (entry & PageEntry.Large) != 0;
            var reserved = PageEntry.ReservedHigh | ReservedNx | reservedAlways;
            reserved |= level == 4 || (level == 3 && !has1GbPages) ? PageEntry.Large : 0;
            reserved |= large ? ((1UL << shift) - 1) & ~0x1FFFUL : 0;
            if ((entry & reserved) != 0)
            {
                code |= PageFaultCode.Present | PageFaultCode.Reserved;
                return false;
            }

            rights.AndBits &= entry;
            rights.NoExecute |= entry & PageEntry.NoExecute;
            if (level == 1 || large)
            {
                var offsetMask = (1UL << shift) - 1;
                return Finish64(entryGpa, entry, (entry & PageEntry.FrameMask & ~offsetMask) | (linear & offsetMask), shift, access, mode, rights, ref code, out result);
            }

            if (!TrySetAccessed64(entryGpa, entry))
            {
                result.HasLostRace = true;
                return false;
            }

            table = entry & PageEntry.FrameMask;
        }
    }

    private bool WalkLegacy(ulong linear, PageAccess access, MmuMode mode, ref Rights rights, ref uint code, out PageTranslation result)
    {
        result = default;
        var directoryGpa = (_state->Cr3 & 0xFFFFF000) + (((linear >> 22) & 0x3FF) * 4);
        var directory = Read32(directoryGpa);
        if ((directory & PageEntry.Present) == 0)
        {
            return false;
        }

        rights.AndBits &= directory;
        if ((directory & PageEntry.Large) != 0 && (_state->Cr4 & ControlBits.Cr4Pse) != 0)
        {
            // PSE-36: bits 39:32 of the frame stand in bits 20:13 of the entry; bit 21 is reserved.
            if ((directory & (1 << 21)) != 0)
            {
                code |= PageFaultCode.Present | PageFaultCode.Reserved;
                return false;
            }

            var gpa = (directory & 0xFFC00000UL) | (((ulong)directory >> 13 & 0xFF) << 32) | (linear & 0x3FFFFF);
            return Finish32(directoryGpa, directory, gpa, 22, access, mode, rights, ref code, out result);
        }

        if (!TrySetAccessed32(directoryGpa, directory))
        {
            result.HasLostRace = true;
            return false;
        }

        var entryGpa = (directory & 0xFFFFF000UL) + (((linear >> 12) & 0x3FF) * 4);
        var entry = Read32(entryGpa);
        if ((entry & PageEntry.Present) == 0)
        {
            return false;
        }

        rights.AndBits &= entry;
        return Finish32(entryGpa, entry, (entry & 0xFFFFF000UL) | (linear & 0xFFF), 12, access, mode, rights, ref code, out result);
    }

    private bool Finish64(ulong entryGpa, ulong entry, ulong gpa, int shift, PageAccess access, MmuMode mode, Rights rights, ref uint code, out PageTranslation result)
    {
        result = default;
        if (!Permits(entry, access, mode, rights, ref code, out result.Readable, out var writable))
        {
            return false;
        }

        var wanted = PageEntry.Accessed | (access == PageAccess.Write ? PageEntry.Dirty : 0);
        while ((entry & wanted) != wanted)
        {
            // Only the entry that was judged gets its bits; if another processor changed it meanwhile, the walk starts anew.
            var seen = CompareExchange64(entryGpa, entry | wanted, entry);
            if (seen == entry)
            {
                entry |= wanted;
            }
            else if (((seen ^ entry) & ~(PageEntry.Accessed | PageEntry.Dirty)) != 0)
            {
                result.HasLostRace = true;
                return false;
            }
            else
            {
                entry = seen;
            }
        }

        result.Gpa = gpa;
        result.PageShift = shift;
        result.WriteCacheable = writable && (entry & PageEntry.Dirty) != 0;
        result.Global = (entry & PageEntry.Global) != 0 && (_state->Cr4 & ControlBits.Cr4Pge) != 0;
        return true;
    }

    private bool Finish32(ulong entryGpa, uint entry, ulong gpa, int shift, PageAccess access, MmuMode mode, Rights rights, ref uint code, out PageTranslation result)
    {
        result = default;
        if (!Permits(entry, access, mode, rights, ref code, out result.Readable, out var writable))
        {
            return false;
        }

        var wanted = (uint)(PageEntry.Accessed | (access == PageAccess.Write ? PageEntry.Dirty : 0));
        while ((entry & wanted) != wanted)
        {
            var seen = CompareExchange32(entryGpa, entry | wanted, entry);
            if (seen == entry)
            {
                entry |= wanted;
            }
            else if (((seen ^ entry) & ~(uint)(PageEntry.Accessed | PageEntry.Dirty)) != 0)
            {
                result.HasLostRace = true;
                return false;
            }
            else
            {
                entry = seen;
            }
        }

        result.Gpa = gpa;
        result.PageShift = shift;
        result.WriteCacheable = writable && (entry & PageEntry.Dirty) != 0;
        result.Global = (entry & PageEntry.Global) != 0 && (_state->Cr4 & ControlBits.Cr4Pge) != 0;
        return true;
    }

    /// <summary>Intel SDM Vol. 3A §4.6: U/S, R/W with CR0.WP, NX, SMEP, SMAP and protection keys.</summary>
    private bool Permits(ulong entry, PageAccess access, MmuMode mode, Rights rights, ref uint code, out bool readable, out bool writable)
    {
        var userAccess = mode is MmuMode.User or MmuMode.UserAligned;
        var userPage = (rights.AndBits & PageEntry.User) != 0;
        var writablePage = (rights.AndBits & PageEntry.Writable) != 0;
        readable = userPage || !userAccess;
        writable = writablePage || (!userAccess && (_state->Cr0 & ControlBits.Cr0Wp) == 0);
        var executable = rights.NoExecute == 0 || (_state->Efer & ControlBits.EferNxe) == 0;
        if (userAccess)
        {
            writable &= userPage;
            executable &= userPage;
        }
        else if (userPage)
        {
            executable &= (_state->Cr4 & ControlBits.Cr4Smep) == 0;
            if (mode == MmuMode.Supervisor && (_state->Cr4 & ControlBits.Cr4Smap) != 0)
            {
                readable = false;
                writable = false;
            }
        }

        code |= PageFaultCode.Present;
        var allowed = access switch
        {
            PageAccess.Read => readable,
            PageAccess.Write => writable,
            _ => executable,
        };
        if (userPage && (_state->Cr4 & ControlBits.Cr4Pke) != 0 && (_state->Efer & ControlBits.EferLma) != 0)
        {
            var key = (int)(entry >> 59) & 15;
            KeysUsed |= 3U << (key * 2);
            var pkru = _state->Pkru >> (key * 2);
            var keyReadable = (pkru & 1) == 0;
            var keyWritable = keyReadable && ((pkru & 2) == 0 || (!userAccess && (_state->Cr0 & ControlBits.Cr0Wp) == 0));
            readable &= keyReadable;
            writable &= keyWritable;
            if ((access == PageAccess.Read && !keyReadable) || (access == PageAccess.Write && !keyWritable))
            {
                // Reported even if the other rights deny the access as well.
                code |= PageFaultCode.ProtectionKey;
                return false;
            }
        }

        return allowed;
    }

    /// <summary>Marks an upper entry as used; false if it changed since it was read.</summary>
    private bool TrySetAccessed64(ulong gpa, ulong entry) =>
        (entry & PageEntry.Accessed) != 0 || (CompareExchange64(gpa, entry | PageEntry.Accessed, entry) | PageEntry.Accessed) == (entry | PageEntry.Accessed);

    private bool TrySetAccessed32(ulong gpa, uint entry) =>
        (entry & PageEntry.Accessed) != 0
        || (CompareExchange32(gpa, entry | (uint)PageEntry.Accessed, entry) | (uint)PageEntry.Accessed) == (entry | (uint)PageEntry.Accessed);

    // SAFETY: entries are aligned to their size, so an entry never crosses the page that the memory returned.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Read64(ulong gpa)
    {
        var page = _memory.GetReadPage(gpa);
        return page == null ? 0 : Volatile.Read(ref *(ulong*)(page + (gpa & 0xFFF)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Read32(ulong gpa)
    {
        var page = _memory.GetReadPage(gpa);
        return page == null ? 0 : Volatile.Read(ref *(uint*)(page + (gpa & 0xFFF)));
    }

    private ulong CompareExchange64(ulong gpa, ulong value, ulong comparand)
    {
        var page = _memory.GetWritePage(gpa, out var cacheable);
        if (page == null)
        {
            return value;
        }

        var before = Interlocked.CompareExchange(ref *(ulong*)(page + (gpa & 0xFFF)), value, comparand);
        CompleteWrite(gpa, cacheable);
        return before;
    }

    private uint CompareExchange32(ulong gpa, uint value, uint comparand)
    {
        var page = _memory.GetWritePage(gpa, out var cacheable);
        if (page == null)
        {
            return value;
        }

        var before = Interlocked.CompareExchange(ref *(uint*)(page + (gpa & 0xFFF)), value, comparand);
        CompleteWrite(gpa, cacheable);
        return before;
    }

    /// <summary>After a write, which was a full fence: a translator marks bytes as code before it reads them, so it has read what was written, or is seen here.</summary>
    private void CompleteWrite(ulong gpa, bool cacheable)
    {
        if (!cacheable && _memory.HoldsCode(gpa, sizeof(ulong)))
        {
            _memory.InvalidateCode(gpa);
        }
    }
}
