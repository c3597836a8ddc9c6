namespace Vivarium.Storage;

/// <summary>What a new qcow2 image is like.</summary>
public sealed class Qcow2CreateOptions
{
    /// <summary>The size of a cluster in bytes: a power of two, 512 to 2 MiB. Default: 64 KiB.</summary>
    public int ClusterBytes { get; init; } = 64 << 10;

    /// <summary>The width of a refcount in bits: 1, 2, 4, 8, 16, 32 or 64; 16 in version 2. Default: 16.</summary>
    public int RefcountBits { get; init; } = 16;

    /// <summary>The format's version, 2 or 3. Default: 3.</summary>
    public int Version { get; init; } = 3;

    /// <summary>Whether compressed clusters are zstd and not zlib (version 3). Default: false.</summary>
    public bool IsZstd { get; init; }

    /// <summary>The path of a disk that the image is a copy-on-write child of, as it will stand in the image: relative to it, or full. Default: null.</summary>
    public string? BackingFile { get; init; }

    /// <summary>The backing file's format, raw or qcow2; never guessed.</summary>
    public DiskFormat BackingFormat { get; init; }

    internal int ClusterBits => System.Numerics.BitOperations.Log2((uint)ClusterBytes);

    internal int RefcountOrder => System.Numerics.BitOperations.Log2((uint)RefcountBits);

    /// <exception cref="ArgumentException">No image can be like this.</exception>
    internal void Validate()
    {
        if (ClusterBytes is < 512 or > (2 << 20) || !System.Numerics.BitOperations.IsPow2(ClusterBytes))
        {
            throw new ArgumentException($"A cluster of {ClusterBytes} bytes is not possible; take a power of two from 512 to 2 MiB.");
        }

        if (RefcountBits is < 1 or > 64 || !System.Numerics.BitOperations.IsPow2(RefcountBits))
        {
            throw new ArgumentException($"A refcount of {RefcountBits} bits is not possible; take 1, 2, 4, 8, 16, 32 or 64.");
        }

        if (Version is not (2 or 3))
        {
            throw new ArgumentException($"qcow2 has versions 2 and 3, not {Version}.");
        }

        if (Version == 2 && (RefcountBits != 16 || IsZstd))
        {
            throw new ArgumentException("Version 2 has refcounts of 16 bits and zlib only; take version 3.");
        }

        if (BackingFile is not null && BackingFormat is not (DiskFormat.Raw or DiskFormat.Qcow2))
        {
            throw new ArgumentException("Say whether the backing file is raw or qcow2; it is never guessed.");
        }
    }
}
