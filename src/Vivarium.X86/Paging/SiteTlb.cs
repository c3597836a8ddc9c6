namespace Vivarium.X86;

/// <summary>
/// One entry for each access of hot code, in native memory that emitted code fills. Most accesses meet one page for long, and their entry is
/// read without waiting for the address. What an entry says holds as long as nothing is flushed: it is a copy of one of the TLB's.
/// </summary>
internal sealed unsafe class SiteTlb
{
    /// <summary>Entries of a vCPU.</summary>
    public const int Count = 8192;

    private readonly SiteEntry* _entries;
    private readonly int* _filled;
    private readonly int* _filledCount;

    /// <summary>Takes zeroed room for <see cref="SizeBytes"/>: the entries, the numbers of those that are filled, and how many they are.</summary>
    public SiteTlb(byte* memory)
    {
        _entries = (SiteEntry*)memory;
        _filled = (int*)(memory + FilledOffset);
        _filledCount = (int*)(memory + FilledCountOffset);
    }

    /// <summary>From the first entry to the numbers of filled ones, 4 bytes each.</summary>
    public static int FilledOffset => Count * sizeof(SiteEntry);

    /// <summary>From the first entry to the count of filled ones, 4 bytes.</summary>
    public static int FilledCountOffset => FilledOffset + (Count * sizeof(int));

    public static int SizeBytes => FilledCountOffset + 64;

    public ref SiteEntry this[int index] => ref _entries[index];

    /// <summary>Forgets everything.</summary>
    public void Flush()
    {
        // SAFETY: an entry is in the list at most once, as it is put there when its limit leaves zero.
        for (var i = 0; i < *_filledCount; i++)
        {
            _entries[_filled[i]].Limit = 0;
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
                _entries[number].Limit = 0;
            }
            else
            {
                _filled[kept++] = number;
                others.Add(_entries[number].Page);
            }
        }

        *_filledCount = kept;
    }
}
