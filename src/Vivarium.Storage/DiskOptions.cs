namespace Vivarium.Storage;

/// <summary>How an image is opened.</summary>
public sealed class DiskOptions
{
    /// <summary>Whether nothing may be changed. Default: false.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>
    /// Whether requests may wait for the host's storage on the caller's thread. That is quicker for a caller with threads of its own, and
    /// wrong on a thread that others wait for. Default: false; file requests then run on the thread pool.
    /// </summary>
    public bool BlocksCaller { get; init; }

    /// <summary>Which backing files an image may name. Default: <see cref="BackingPolicy.None"/>.</summary>
    public BackingPolicy Backing { get; init; } = BackingPolicy.None;

    /// <summary>
    /// The disk under a qcow2 image, in place of the file that the image names. It is only read, stays the caller's, and must outlive the
    /// image. Default: null.
    /// </summary>
    public IBlockBackend? BackingDisk { get; init; }

    /// <summary>How many bytes of tables an image of qcow2 or VHDX keeps in memory, 64 KiB to 1 GiB; they are taken as they are used. Default: 32 MiB.</summary>
    public int MetadataCacheBytes { get; init; } = 32 << 20;

    /// <summary>Whether clusters that an image no longer uses are given back to the host. Default: true.</summary>
    public bool PunchesHoles { get; init; } = true;
}
