namespace Vivarium;

/// <summary>
/// The container of a saved machine, little-endian: the magic, the format version (4 bytes), then sections of kind (4 bytes), length
/// (8 bytes) and content, and last the XXH128 of all before it (16 bytes). The first section is the configuration.
/// </summary>
internal static class SnapshotFormat
{
    /// <summary>Raised when older programs must not read the file. Version 1 is the first.</summary>
    public const int Version = 1;

    public const int HeaderBytes = 12;
    public const int SectionHeaderBytes = 12;
    public const int ChecksumBytes = 16;

    /// <summary>Tagged fields of the <see cref="MachineConfiguration"/>.</summary>
    public const uint ConfigurationSection = 1;

    /// <summary>A name (length of 2 bytes, UTF-8), a version (4 bytes) and the unit's tagged fields.</summary>
    public const uint UnitSection = 2;

    /// <summary>An address (8 bytes), a length (4 bytes) and so many bytes of guest memory, compressed (Zstandard).</summary>
    public const uint MemorySection = 3;

    /// <summary>A disk, tagged fields: name, size, stamp of what is not in the snapshot. Its content follows in sections of the next two kinds.</summary>
    public const uint DiskSection = 4;

    /// <summary>An offset (8 bytes), a length (4 bytes) and so many bytes of the last disk's content, compressed (Zstandard).</summary>
    public const uint DiskContentSection = 5;

    /// <summary>An offset and a length (8 bytes each) of zeros in the last disk.</summary>
    public const uint DiskZeroSection = 6;

    /// <summary>The most memory in one section.</summary>
    public const int ChunkBytes = 1 << 20;

    /// <summary>No section is longer: a checksum guards against accidents, and this against files made to exhaust the host.</summary>
    public const long MaximumSectionBytes = 256 << 20;

    public static ReadOnlySpan<byte> Magic => "VIVARIUM"u8;
}
