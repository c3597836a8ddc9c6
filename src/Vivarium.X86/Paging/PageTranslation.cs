namespace Vivarium.X86;

/// <summary>The outcome of a page walk: an address and what else may be cached with it, or a page fault's error code.</summary>
internal struct PageTranslation
{
    /// <summary>Guest-physical address of the byte asked for.</summary>
    public ulong Gpa;

    /// <summary>The error code if the walk faulted.</summary>
    public uint ErrorCode;

    /// <summary>Base-2 logarithm of the page's size: 12, 21, 22 or 30; 0 without paging.</summary>
    public int PageShift;

    /// <summary>The walk failed only because an entry changed under it: walk again.</summary>
    public bool HasLostRace;

    /// <summary>Reads are allowed too.</summary>
    public bool Readable;

    /// <summary>Writes are allowed and the dirty bit is set, so a write tag may be cached.</summary>
    public bool WriteCacheable;

    /// <summary>The page is global.</summary>
    public bool Global;
}
