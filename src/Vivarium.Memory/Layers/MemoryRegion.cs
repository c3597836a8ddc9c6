namespace Vivarium.Memory;

/// <summary>A run of guest-physical pages, RAM or ROM, in one stack of page stores.</summary>
internal sealed class MemoryRegion(ulong gpa, ulong sizeBytes, bool isRom, PageStore top)
{
    private PageStore _top = top;

    public ulong Gpa { get; } = gpa;

    public ulong SizeBytes { get; } = sizeBytes;

    public bool IsRom { get; } = isRom;

    public nuint PageCount => (nuint)(SizeBytes / GuestMemory.PageSize);

    /// <summary>The layer that reads and writes meet first. Replaced only while no vCPU runs.</summary>
    public PageStore Top
    {
        get => Volatile.Read(ref _top);
        set => Volatile.Write(ref _top, value);
    }

    public nuint PageOf(ulong gpa) => (nuint)((gpa - Gpa) / GuestMemory.PageSize);
}
