using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Storage;

/// <summary>
/// The header of a qcow2 image, validated: every table it names lies in the file and has a bounded size (QEMU docs/interop/qcow2.rst,
/// "Header"). The limits are QEMU's.
/// </summary>
internal sealed class Qcow2Header
{
    public const int FixedBytes = 112;
    public const int SectorBytes = 512;
    public const int MinClusterBits = 9;
    public const int MaxClusterBits = 21;
    public const long MaxL1Bytes = 32 << 20;
    public const long MaxRefcountTableBytes = 8 << 20;
    public const int MaxSnapshots = 65536;
    public const uint Magic = 0x514649FB;

    private const uint BackingFormatExtension = 0xE2792ACA;
    private const int MaxBackingNameBytes = 1023;

    private readonly byte[] _sector;

    private Qcow2Header(byte[] sector) => _sector = sector;

    public int Version => (int)Get32(4);

    public int ClusterBits => (int)Get32(20);

    public int ClusterBytes => 1 << ClusterBits;

    public long SizeBytes
    {
        get => (long)Get64(24);
        set => Set64(24, (ulong)value);
    }

    public int L1Entries
    {
        get => (int)Get32(36);
        set => Set32(36, (uint)value);
    }

    public long L1Offset
    {
        get => (long)Get64(40);
        set => Set64(40, (ulong)value);
    }

    public long RefcountTableOffset
    {
        get => (long)Get64(48);
        set => Set64(48, (ulong)value);
    }

    public int RefcountTableClusters
    {
        get => (int)Get32(56);
        set => Set32(56, (uint)value);
    }

    public int SnapshotCount => (int)Get32(60);

    public long SnapshotsOffset => (long)Get64(64);

    public Qcow2Features Incompatible
    {
        get => Version >= 3 ? (Qcow2Features)Get64(72) : 0;
        set => Set64(72, (ulong)value);
    }

    public ulong Autoclear
    {
        get => Version >= 3 ? Get64(88) : 0;
        set => Set64(88, value);
    }

    public bool HasLazyRefcounts => Version >= 3 && (Get64(80) & 1) != 0;

    public int RefcountOrder => Version >= 3 ? (int)Get32(96) : 4;

    public bool IsZstd { get; private init; }

    public string? BackingFile { get; private init; }

    public string? BackingFormat { get; private init; }

    /// <summary>Guest bytes that one L2 table maps.</summary>
    public long BytesPerL2Table => (long)ClusterBytes << (ClusterBits - 3);

    /// <summary>The L1 entries that a size needs, which may be more than a table can have.</summary>
    public static long L1EntriesFor(long sizeBytes, int clusterBits)
    {
        var shift = clusterBits + clusterBits - 3;
        return (sizeBytes >> shift) + ((sizeBytes & ((1L << shift) - 1)) == 0 ? 0 : 1);
    }

    /// <exception cref="DiskImageException">This is no image, or one that cannot be used.</exception>
    public static async ValueTask<Qcow2Header> ReadAsync(IDiskFile file)
    {
        var sector = new byte[SectorBytes];
        await file.ReadAsync(0, sector, CancellationToken.None).ConfigureAwait(false);
        var raw = new Qcow2Header(sector);
        Require(raw.Get32(0) == Magic, "This is no qcow2 image: its first bytes are others.");
        Require(raw.Version is 2 or 3, $"This qcow2 image has version {raw.Get32(4)}; 2 and 3 are known.");
        Require(raw.ClusterBits is >= MinClusterBits and <= MaxClusterBits, $"The image's clusters have 2^{raw.Get32(20)} bytes; 2^{MinClusterBits} to 2^{MaxClusterBits} are possible.");
        var headerBytes = raw.Version == 2 ? 72 : raw.Get32(100);
        Require(headerBytes >= (raw.Version == 2 ? 72 : 104) && headerBytes <= raw.ClusterBytes && headerBytes % 8 == 0, $"The image's header claims a length of {headerBytes} bytes, which cannot be.");

        // The compression type is the header's last known byte, and not there in older headers.
        var compression = raw.Version >= 3 && headerBytes > 104 ? sector[104] : (byte)0;
        Refuse(raw, compression);
        raw.Validate(file.LengthBytes);

        var start = new byte[(int)Math.Min(raw.ClusterBytes, Math.Max(file.LengthBytes, SectorBytes))];
        await file.ReadAsync(0, start, CancellationToken.None).ConfigureAwait(false);
        var backing = ReadBackingName(raw, start);
        return new Qcow2Header(sector)
        {
            IsZstd = compression == 1,
            BackingFile = backing,
            BackingFormat = FindExtension(start, (int)headerBytes, BackingFormatExtension),
        };
    }

    /// <summary>Fills the first cluster of a new image.</summary>
    public static Qcow2Header Write(Span<byte> cluster, Qcow2CreateOptions options, string? backingFile)
    {
        var header = new Qcow2Header(new byte[SectorBytes]);
        header.Set32(0, Magic);
        header.Set32(4, (uint)options.Version);
        header.Set32(20, (uint)options.ClusterBits);
        if (options.Version >= 3)
        {
            header.Set32(96, (uint)options.RefcountOrder);
            header.Set32(100, FixedBytes);
            header._sector[104] = options.IsZstd ? (byte)1 : (byte)0;
            header.Incompatible = options.IsZstd ? Qcow2Features.CompressionType : 0;
        }

        var position = options.Version >= 3 ? FixedBytes : 72;
        if (backingFile is not null)
        {
            var format = Encoding.ASCII.GetBytes(options.BackingFormat == DiskFormat.Qcow2 ? "qcow2" : "raw");
            BinaryPrimitives.WriteUInt32BigEndian(cluster[position..], BackingFormatExtension);
            BinaryPrimitives.WriteUInt32BigEndian(cluster[(position + 4)..], (uint)format.Length);
            format.CopyTo(cluster[(position + 8)..]);

            // An empty extension ends the list: the cluster is zeros there.
            position += 8 + 8 + 8;
            var name = Encoding.UTF8.GetBytes(backingFile);
            if (name.Length > MaxBackingNameBytes || position + name.Length > cluster.Length)
            {
                throw new DiskImageException($"The path of the backing file has {name.Length} bytes; with this cluster size it may have {Math.Min(MaxBackingNameBytes, cluster.Length - position)}.");
            }

            name.CopyTo(cluster[position..]);
            header.Set64(8, (ulong)position);
            header.Set32(16, (uint)name.Length);
        }

        return header;
    }

    /// <summary>The header's fields over the first sector of an image whose extensions are there already.</summary>
    public void CopyTo(Span<byte> cluster) => _sector.AsSpan(0, Version >= 3 ? FixedBytes : 72).CopyTo(cluster);

    /// <summary>Writes the fields back. One sector: the host writes it whole or not at all.</summary>
    public ValueTask SaveAsync(IDiskFile file) => file.WriteAsync(0, _sector.AsMemory(0, Version >= 3 ? 104 : 72), CancellationToken.None);

    private static void Refuse(Qcow2Header raw, byte compression)
    {
        var crypt = raw.Get32(32);
        Require(crypt == 0, crypt == 2
            ? "The image is encrypted with LUKS, which is not supported; convert it to an image without encryption."
            : $"The image is encrypted (method {crypt}), which is not supported; convert it to an image without encryption.");
        var features = raw.Incompatible;
        Require(!features.HasFlag(Qcow2Features.ExternalData), "The image keeps its data in another file, which is not supported; convert it to an image without an external data file.");
        Require(!features.HasFlag(Qcow2Features.ExtendedL2), "The image has subclusters (extended_l2=on), which are not supported; convert it to an image with extended_l2=off.");
        var unknown = features & ~(Qcow2Features.Dirty | Qcow2Features.Corrupt | Qcow2Features.CompressionType);
        Require(unknown == 0, $"The image needs features that are not known here (0x{(ulong)unknown:x}); convert it with the program that made it.");
        Require(features.HasFlag(Qcow2Features.CompressionType) ? compression == 1 : compression == 0, $"The image's compression type {compression} is not known, or contradicts its feature bits.");
    }

    private void Validate(long fileBytes)
    {
        Require(Get64(24) <= long.MaxValue - (1 << MaxClusterBits), "The image claims a size beyond all bounds.");
        Require(RefcountOrder is >= 0 and <= 6, $"The image's refcounts have 2^{Get32(96)} bits; 1 to 64 are possible.");
        var l1Needed = L1EntriesFor(SizeBytes, ClusterBits);
        Require(Get32(36) <= MaxL1Bytes / 8, $"The image's L1 table has {Get32(36)} entries; {MaxL1Bytes / 8} is the most.");
        Require(L1Entries >= l1Needed, $"The image's L1 table has {L1Entries} entries and needs {l1Needed} for its size.");
        Require(L1Entries == 0 || IsTable(Get64(40), L1Entries * 8L, fileBytes), "The image's L1 table lies outside the file or across clusters.");
        Require(Get32(56) is > 0 && (long)Get32(56) << ClusterBits <= Math.Max(MaxRefcountTableBytes, ClusterBytes), $"The image's refcount table has {Get32(56)} clusters, which is none or too many.");
        Require(IsTable(Get64(48), (long)RefcountTableClusters << ClusterBits, fileBytes), "The image's refcount table lies outside the file or across clusters.");
        Require(Get32(60) <= MaxSnapshots, $"The image has {Get32(60)} snapshots; {MaxSnapshots} is the most.");
        Require(SnapshotCount == 0 || IsTable(Get64(64), 40L * SnapshotCount, fileBytes), "The image's snapshot table lies outside the file or across clusters.");
    }

    /// <summary>Whether a table starts at a cluster and ends in the last cluster of the file at the latest.</summary>
    private bool IsTable(ulong offset, long lengthBytes, long fileBytes) =>
        offset >= (ulong)ClusterBytes && offset % (ulong)ClusterBytes == 0 && offset < (ulong)fileBytes && lengthBytes <= fileBytes - (long)offset + ClusterBytes - 1;

    private static string? ReadBackingName(Qcow2Header raw, ReadOnlySpan<byte> start)
    {
        var offset = raw.Get64(8);
        var length = raw.Get32(16);
        if (offset == 0 || length == 0)
        {
            return null;
        }

        Require(length <= MaxBackingNameBytes && offset <= (ulong)start.Length && length <= (ulong)start.Length - offset, "The name of the image's backing file lies outside its first cluster.");
        return Encoding.UTF8.GetString(start.Slice((int)offset, (int)length));
    }

    private static string? FindExtension(ReadOnlySpan<byte> start, int position, uint wanted)
    {
        while (position + 8 <= start.Length)
        {
            var type = BinaryPrimitives.ReadUInt32BigEndian(start[position..]);
            var length = BinaryPrimitives.ReadUInt32BigEndian(start[(position + 4)..]);
            if (type == 0 || length > start.Length - position - 8)
            {
                Require(type == 0, "The image's header extensions leave its first cluster.");
                break;
            }

            if (type == wanted)
            {
                return Encoding.UTF8.GetString(start.Slice(position + 8, (int)length));
            }

            position += 8 + (int)((length + 7) & ~7u);
        }

        return null;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new DiskImageException(message);
        }
    }

    private uint Get32(int offset) => BinaryPrimitives.ReadUInt32BigEndian(_sector.AsSpan(offset));

    private ulong Get64(int offset) => BinaryPrimitives.ReadUInt64BigEndian(_sector.AsSpan(offset));

    private void Set32(int offset, uint value) => BinaryPrimitives.WriteUInt32BigEndian(_sector.AsSpan(offset), value);

    private void Set64(int offset, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(_sector.AsSpan(offset), value);
}
