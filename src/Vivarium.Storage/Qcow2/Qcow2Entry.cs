namespace Vivarium.Storage;

/// <summary>Entries of L1 and L2 tables (QEMU docs/interop/qcow2.rst, "Cluster mapping").</summary>
internal static class Qcow2Entry
{
    /// <summary>The cluster's refcount is 1: it may be written in place.</summary>
    public const ulong Copied = 1UL << 63;

    public const ulong Compressed = 1UL << 62;

    /// <summary>The cluster reads as zeros, whatever is stored (version 3).</summary>
    public const ulong Zero = 1;

    public const ulong OffsetMask = 0x00FF_FFFF_FFFF_FE00;

    public static long OffsetOf(ulong entry) => (long)(entry & OffsetMask);

    /// <summary>Where a compressed cluster's bytes start, and how many there are at most: up to the end of its last sector.</summary>
    public static (long OffsetBytes, int LengthBytes) CompressedRange(ulong entry, int clusterBits)
    {
        var offsetBits = 62 - (clusterBits - 8);
        var offset = (long)(entry & ((1UL << offsetBits) - 1));
        var sectors = (int)((entry & (Compressed - 1)) >> offsetBits) + 1;
        return (offset, (sectors * Qcow2Header.SectorBytes) - (int)(offset & (Qcow2Header.SectorBytes - 1)));
    }
}
