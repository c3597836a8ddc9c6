using System.Security.Cryptography;

namespace Vivarium.X86;

/// <summary>
/// One entry for each access of hot code, in native memory that emitted code fills. Most accesses meet one page for long, and their entry is
/// read without waiting for the address. What an entry says holds as long as nothing is flushed: it is a copy of one of the TLB's.
/// </summary>
/// <remarks>
/// An empty entry has a tag that no address of the guest's comes near: it is not canonical, and 50 bits of it are random. A guest that guesses them, where
/// each try faults, gets at a page of its own that nothing else uses.
/// </remarks>
internal sealed unsafe class SiteTlb
{
    /// <summary>Entries of a vCPU.</summary>
    public const int Count = 8192;

    /// <summary>Above the page's offset and below bit 62, which is not as bit 63 is.</summary>
    private const int RandomBits = 50;

    private readonly SiteEntry* _entries;
    private readonly SiteHistory* _histories;
    private readonly int* _filled;
    private readonly int* _filledCount;
    private SiteEntry _empty;
    private int _opened;

    /// <summary>Takes zeroed room for <see cref="SizeBytes"/>: entries, histories, the numbers of entries that are filled, how many they are, and a page.</summary>
    public SiteTlb(byte* memory)
    {
        _entries = (SiteEntry*)memory;
        _histories = (SiteHistory*)(memory + HistoryOffset);
        _filled = (int*)(memory + FilledOffset);
        _filledCount = (int*)(memory + FilledCountOffset);
        _empty.Page = (nint)(memory + UnusedPageOffset);
    }

    /// <summary>From the first entry to the first history.</summary>
    public static int HistoryOffset => Count * sizeof(SiteEntry);

    /// <summary>From the first entry to the numbers of filled ones, 4 bytes each.</summary>
    public static int FilledOffset => HistoryOffset + (Count * sizeof(SiteHistory));

    /// <summary>From the first entry to the count of filled ones, 4 bytes.</summary>
    public static int FilledCountOffset => FilledOffset + (Count * sizeof(int));

    public static int SizeBytes => UnusedPageOffset + 4096;

    private static int UnusedPageOffset => FilledCountOffset + 64;

    public ref SiteEntry this[int number] => ref _entries[number];

    public ref SiteHistory HistoryOf(int number) => ref _histories[number];

    /// <summary>Whether an entry leads nowhere.</summary>
    public bool IsEmpty(int number) => _entries[number].Tag == _empty.Tag;

    /// <summary>
    /// Empties those below <paramref name="count"/> that never were in use; before, they must not be looked at by emitted code. By whoever has the gate of
    /// the code, while the vCPU runs: it does not know of those entries yet.
    /// </summary>
    public void Open(int count)
    {
        if (_opened == 0)
        {
            // Not before: the interpreter has no use for it, and the first random number of a process takes milliseconds.
            _empty.Tag = (1UL << 63) | ((BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) & ((1UL << RandomBits) - 1)) << 12);
        }

        for (; _opened < count; _opened++)
        {
            _entries[_opened] = _empty;
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Flush()
    {
        // SAFETY: an entry is in the list at most once, as it is put there when it was not marked as filled.
        for (var i = 0; i < *_filledCount; i++)
        {
            Empty(_filled[i]);
        }

        *_filledCount = 0;
    }

    /// <summary>Forgets every entry that leads to a page of the host's, and adds the pages of the others.</summary>
    public void FlushHostPage(nint page, HostPageFilter others)
    {
        var kept = 0;
        for (var i = 0; i < *_filledCount; i++)
        {
            var number = _filled[i];
            if (_entries[number].Page == page)
            {
                Empty(number);
            }
            else
            {
                _filled[kept++] = number;
                others.Add(_entries[number].Page);
            }
        }

        *_filledCount = kept;
    }

    private void Empty(int number)
    {
        _entries[number] = _empty;
        _histories[number].IsFilled = 0;
    }
}
