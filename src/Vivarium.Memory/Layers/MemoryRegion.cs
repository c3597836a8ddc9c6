namespace Vivarium.Memory;

/// <summary>A run of guest-physical pages, RAM or ROM, in one stack of page stores.</summary>
internal sealed class MemoryRegion(ulong gpa, ulong sizeBytes, bool isRom, PageStore top)
{
    private readonly MemoryRegion? _source;
    private PageStore _top = top;
    private MemoryRegion? _cover;

    /// <summary>A view of RAM that cannot be written.</summary>
    public MemoryRegion(MemoryRegion source)
        : this(source.Gpa, source.SizeBytes, isRom: true, source.Top) => _source = source;

    public ulong Gpa { get; } = gpa;

    public ulong SizeBytes { get; } = sizeBytes;

    public bool IsRom { get; } = isRom;

    public nuint PageCount => (nuint)(SizeBytes / GuestMemory.PageSize);

    /// <summary>The layer that reads and writes meet first. Replaced only while no vCPU runs.</summary>
    public PageStore Top
    {
        get => _source is null ? Volatile.Read(ref _top) : _source.Top;
        set => Volatile.Write(ref _top, value);
    }

    /// <summary>What the guest sees in the region's place; null if it is the region itself.</summary>
    public MemoryRegion? Cover
    {
        get => Volatile.Read(ref _cover);
        set => Volatile.Write(ref _cover, value);
    }

    public nuint PageOf(ulong gpa) => (nuint)((gpa - Gpa) / GuestMemory.PageSize);
}
