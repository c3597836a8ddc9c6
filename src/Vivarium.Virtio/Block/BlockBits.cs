namespace Vivarium.Virtio;

/// <summary>Numbers of the block device (Virtio 1.2 §5.2).</summary>
internal static class BlockBits
{
    public const ulong SegmentMaximum = 1UL << 2;
    public const ulong ReadOnly = 1UL << 5;
    public const ulong BlockSize = 1UL << 6;
    public const ulong Flush = 1UL << 9;
    public const ulong Topology = 1UL << 10;
    public const ulong MultiQueue = 1UL << 12;
    public const ulong Discard = 1UL << 13;
    public const ulong WriteZeroes = 1UL << 14;

    public const int SectorBytes = 512;
    public const int HeaderBytes = 16;
    public const int RangeBytes = 16;
    public const uint UnmapFlag = 1;

    /// <summary>How many ranges one discard or write-zeroes names at most.</summary>
    public const int MaximumRanges = 16;
}

/// <summary>What a request asks for.</summary>
internal enum BlockRequestKind : uint
{
    Read = 0,
    Write = 1,
    Flush = 4,
    GetId = 8,
    Discard = 11,
    WriteZeroes = 13,
}

/// <summary>The last byte of a request.</summary>
internal enum BlockStatus : byte
{
    Ok = 0,
    IoError = 1,
    Unsupported = 2,
}
