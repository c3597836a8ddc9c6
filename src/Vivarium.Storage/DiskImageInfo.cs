namespace Vivarium.Storage;

/// <summary>What an image file is. See <see cref="DiskImage.GetInfoAsync"/>.</summary>
public sealed class DiskImageInfo
{
    /// <summary>The format.</summary>
    public required DiskFormat Format { get; init; }

    /// <summary>The size that a guest sees, in bytes.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>The file's length in bytes.</summary>
    public required long FileBytes { get; init; }

    /// <summary>The bytes of the file that are no holes: what it takes on the host, about.</summary>
    public required long HostBytes { get; init; }

    /// <summary>The format's version, 2 or 3 for qcow2; otherwise 0.</summary>
    public int Version { get; init; }

    /// <summary>The size of a cluster or block in bytes; 0 for raw.</summary>
    public int ClusterBytes { get; init; }

    /// <summary>The width of a refcount in bits; 0 for other formats than qcow2.</summary>
    public int RefcountBits { get; init; }

    /// <summary>How clusters are compressed: zlib or zstd; null for other formats than qcow2.</summary>
    public string? Compression { get; init; }

    /// <summary>The path of the backing file, as the image has it; null where there is none.</summary>
    public string? BackingFile { get; init; }

    /// <summary>The backing file's format, as the image has it; null where it does not say.</summary>
    public string? BackingFormat { get; init; }

    /// <summary>Whether the image was not closed and its counts may be wrong.</summary>
    public bool IsDirty { get; init; }

    /// <summary>Whether the image is marked as corrupt.</summary>
    public bool IsCorrupt { get; init; }

    /// <summary>Names of the internal snapshots.</summary>
    public IReadOnlyList<string> Snapshots { get; init; } = [];
}
