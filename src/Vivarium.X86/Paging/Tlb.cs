namespace Vivarium.X86;

/// <summary>
/// Software TLB for data: one set of entries per <see cref="MmuMode"/>, in native memory. A page is in its own slot or, if another came there
/// later, in the one beside it, half the table away; never in both.
/// </summary>
internal sealed unsafe class Tlb
{
    public const int EntryCount = 16384;

    /// <summary>Between the number of a page's slot and of the one beside it, exclusive or.</summary>
    public const int Beside = EntryCount / 2;

    public const int ModeCount = 4;

    /// <summary>Bytes of all entries.</summary>
    public static int SizeBytes => EntryCount * ModeCount * sizeof(TlbEntry);

    /// <summary>Slots of global pages, and of others, that are remembered one by one; beyond it a flush sweeps everything.</summary>
    private const int MaxRemembered = 4096;

    /// <summary>Bits of a hash of large pages: a Linux kernel maps all memory by them, and a false alarm drops every entry.</summary>
    private const int LargePageBits = 14;

    private readonly TlbEntry* _entries;
    private readonly int[] _filled = new int[MaxRemembered];
    private readonly int[] _filledGlobal = new int[MaxRemembered];
    private int _filledCount;
    private int _filledGlobalCount;

    /// <summary>Modes with entries, a bit each.</summary>
    private int _modesUsed;

    /// <summary>Which larger pages have entries, by a hash of their numbers: FlushPage must drop all of a larger page's entries.</summary>
    private readonly ulong[] _largePages = new ulong[1 << (LargePageBits - 6)];
    private bool _hasLargePages;

    /// <summary>Pages that entries, those of sites included, may lead to.</summary>
    private readonly HostPageFilter _hostPages = new();

    /// <summary>
    /// Takes zeroed room for <see cref="SizeBytes"/>, which must outlive it. Indices below are masked or come from FillSlot. A tag of zero is
    /// invalid in every slot but the two of page 0, so no other entry is touched before it is filled.
    /// </summary>
    public Tlb(TlbEntry* entries, SiteTlb sites)
    {
        _entries = entries;
        Sites = sites;
        for (var mode = 0; mode < ModeCount; mode++)
        {
            Invalidate(mode * EntryCount);
            Invalidate((mode * EntryCount) + Beside);
        }
    }

    /// <summary>Copies of entries for the accesses of hot code.</summary>
    public SiteTlb Sites { get; }

    /// <summary>A tag that no linear address of slot <paramref name="index"/> can come near: its slot bits are inverted.</summary>
    public static ulong InvalidTag(int index) => (ulong)(~index & (EntryCount - 1)) << 12;

    /// <summary>The entries of one mode.</summary>
    public TlbEntry* ForMode(MmuMode mode) => _entries + ((int)mode * EntryCount);

    /// <summary>The entry to fill for a page, which is to lead to one of the host's; its tags are invalid unless they belong to the same page.</summary>
    public TlbEntry* FillSlot(MmuMode mode, ulong linear, bool global, int pageShift, nint hostPage)
    {
        _hostPages.Add(hostPage);
        if (pageShift > 12)
        {
            _hasLargePages = true;
            var hash = HashOf(linear, pageShift);
            _largePages[hash >> 6] |= 1UL << hash;
        }

        var slot = ((int)mode * EntryCount) + ((int)(linear >> 12) & (EntryCount - 1));
        _modesUsed |= 1 << (int)mode;
        var entry = _entries + slot;
        var page = linear & ~0xFFFUL;
        if (!entry->IsOf(page) && (_entries[slot ^ Beside].IsOf(page) || (IsAtHome(slot) && !IsAtHome(slot ^ Beside))))
        {
            Exchange(slot, slot ^ Beside);
        }

        if (!entry->IsOf(page))
        {
            Invalidate(slot);
        }

        entry->Global = global ? 1UL : 0UL;
        Remember(slot);
        return entry;
    }

    /// <summary>
    /// Whether a slot holds a page of its own. Only such a one is worth a place beside, and it does not drive out another: a page that nobody wants
    /// any more would go to and fro between two that do.
    /// </summary>
    private bool IsAtHome(int slot)
    {
        var entry = _entries + slot;
        return entry->Page != 0 && (IsSlotOf(entry->ReadTag, slot) || IsSlotOf(entry->WriteTag, slot));
    }

    private static bool IsSlotOf(ulong tag, int slot) => (((int)(tag >> 12) ^ slot) & (EntryCount - 1)) == 0;

    /// <summary>What was in either of two slots is in the other: the pages of both belong in both.</summary>
    private void Exchange(int slot, int beside)
    {
        (_entries[slot], _entries[beside]) = (_entries[beside], _entries[slot]);
        Mend(slot);
        Mend(beside);
        Remember(beside);
    }

    /// <summary>An invalid tag is one of its slot.</summary>
    private void Mend(int slot)
    {
        var (own, other) = (InvalidTag(slot), InvalidTag(slot ^ Beside));
        var entry = _entries + slot;
        entry->ReadTag = entry->Page == 0 || entry->ReadTag == other ? own : entry->ReadTag;
        entry->WriteTag = entry->Page == 0 || entry->WriteTag == other ? own : entry->WriteTag;
    }

    private void Remember(int slot)
    {
        if (_entries[slot].Global == 0)
        {
            Remember(_filled, ref _filledCount, slot);
        }
        else
        {
            Remember(_filledGlobal, ref _filledGlobalCount, slot);
        }
    }

    private static void Remember(int[] filled, ref int count, int slot)
    {
        if (count < MaxRemembered)
        {
            filled[count] = slot;
        }

        // Once it is above the limit it stays there.
        count = Math.Min(count + 1, MaxRemembered + 1);
    }

    /// <summary>How often entries were dropped, by whatever asked for it.</summary>
    public int FlushCount { get; private set; }

    /// <summary>Forgets everything, or all but global pages.</summary>
    public void Flush(bool keepGlobal)
    {
        FlushCount++;
        Sites.Flush();
        if (!keepGlobal)
        {
            _hasLargePages = false;
            Array.Clear(_largePages);
            _hostPages.Clear();
        }

        if (_filledCount > MaxRemembered || (!keepGlobal && _filledGlobalCount > MaxRemembered))
        {
            Sweep(keepGlobal);
        }
        else
        {
            Forget(_filled.AsSpan(0, _filledCount), keepGlobal);
            Forget(_filledGlobal.AsSpan(0, keepGlobal ? 0 : _filledGlobalCount), keepGlobal);
        }

        _filledCount = 0;
        _filledGlobalCount = keepGlobal ? _filledGlobalCount : 0;
        _modesUsed = keepGlobal ? _modesUsed : 0;
    }

    private void Forget(ReadOnlySpan<int> slots, bool keepGlobal)
    {
        foreach (var slot in slots)
        {
            if (!keepGlobal || _entries[slot].Global == 0)
            {
                Invalidate(slot);
            }
        }
    }

    /// <summary>Forgets the page that holds an address, whatever its size, in every mode.</summary>
    public void FlushPage(ulong linear)
    {
        FlushCount++;
        Sites.Flush();
        if (_hasLargePages && (IsLarge(linear, 21) || IsLarge(linear, 22) || IsLarge(linear, 30)))
        {
            Flush(keepGlobal: false);
            return;
        }

        var index = (int)(linear >> 12) & (EntryCount - 1);
        for (var mode = 0; mode < ModeCount; mode++)
        {
            Invalidate((mode * EntryCount) + index);
            Invalidate((mode * EntryCount) + (index ^ Beside));
        }
    }

    /// <summary>Forgets every entry that leads to a page of the host's. Most pages have none, which is known at once.</summary>
    public void FlushHostPage(nint page)
    {
        if (!_hostPages.MayHold(page))
        {
            return;
        }

        FlushCount++;

        // What stays is counted anew, as entries go without a word. A site may have a page that the table has lost to another.
        _hostPages.Clear();
        Sites.FlushHostPage(page, _hostPages);
        for (var mode = 0; mode < ModeCount; mode++)
        {
            if ((_modesUsed >> mode & 1) != 0)
            {
                ForgetHostPage(page, mode * EntryCount);
            }
        }
    }

    private void ForgetHostPage(nint page, int first)
    {
        for (var slot = first; slot < first + EntryCount; slot++)
        {
            if (_entries[slot].Page == page)
            {
                Invalidate(slot);
            }
            else if (_entries[slot].Page != 0)
            {
                _hostPages.Add(_entries[slot].Page);
            }
        }
    }

    private static int HashOf(ulong linear, int pageShift) => (int)(((linear >> pageShift) * 0x9E3779B97F4A7C15) >> (64 - LargePageBits)) ^ pageShift;

    private bool IsLarge(ulong linear, int pageShift)
    {
        var hash = HashOf(linear, pageShift);
        return (_largePages[hash >> 6] >> hash & 1) != 0;
    }

    private void Sweep(bool keepGlobal)
    {
        for (var mode = 0; mode < ModeCount; mode++)
        {
            if ((_modesUsed >> mode & 1) != 0)
            {
                SweepMode(mode * EntryCount, keepGlobal);
            }
        }
    }

    private void SweepMode(int first, bool keepGlobal)
    {
        for (var slot = first; slot < first + EntryCount; slot++)
        {
            if (_entries[slot].Page != 0 && (!keepGlobal || _entries[slot].Global == 0))
            {
                Invalidate(slot);
            }
        }
    }

    private void Invalidate(int slot)
    {
        var tag = InvalidTag(slot & (EntryCount - 1));
        _entries[slot].ReadTag = tag;
        _entries[slot].WriteTag = tag;
        _entries[slot].Global = 0;
        _entries[slot].Page = 0;
    }
}
