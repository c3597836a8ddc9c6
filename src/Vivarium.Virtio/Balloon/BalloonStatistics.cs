namespace Vivarium.Virtio;

/// <summary>
/// What a guest says about its memory (Virtio 1.2 §5.5.6.4), in bytes and events since its boot. Null where its driver does not tell. The guest's
/// own words: nothing checks them.
/// </summary>
public sealed record BalloonStatistics
{
    internal const int Count = 10;

    /// <summary>Bytes read from its swap space.</summary>
    public ulong? SwapInBytes { get; init; }

    /// <summary>Bytes written to its swap space.</summary>
    public ulong? SwapOutBytes { get; init; }

    /// <summary>Page faults that needed a disk.</summary>
    public ulong? MajorFaults { get; init; }

    /// <summary>Page faults that needed none.</summary>
    public ulong? MinorFaults { get; init; }

    /// <summary>Memory in no use at all.</summary>
    public ulong? FreeBytes { get; init; }

    /// <summary>All memory that the guest has.</summary>
    public ulong? TotalBytes { get; init; }

    /// <summary>Memory that programs could have without swapping.</summary>
    public ulong? AvailableBytes { get; init; }

    /// <summary>Memory that caches files and could be had back.</summary>
    public ulong? CacheBytes { get; init; }

    /// <summary>Huge pages allocated.</summary>
    public ulong? HugePagesAllocated { get; init; }

    /// <summary>Huge pages that could not be allocated.</summary>
    public ulong? HugePageFailures { get; init; }

    internal static BalloonStatistics From(ReadOnlySpan<ulong?> values) => new()
    {
        SwapInBytes = values[0],
        SwapOutBytes = values[1],
        MajorFaults = values[2],
        MinorFaults = values[3],
        FreeBytes = values[4],
        TotalBytes = values[5],
        AvailableBytes = values[6],
        CacheBytes = values[7],
        HugePagesAllocated = values[8],
        HugePageFailures = values[9],
    };
}
