using System.Buffers.Binary;

namespace Vivarium.Storage;

/// <summary>
/// A disk in a qcow2 image, versions 2 and 3 (QEMU docs/interop/qcow2.rst): thin, with backing files, compressed clusters and internal
/// snapshots, which are kept. Requests to clusters that are allocated run side by side; allocations take turns in memory only.
/// </summary>
/// <remarks>
/// <para>Crash order. Tables change in memory and reach the file at a flush, or when they fill half of the cache: first data and refcounts,
/// then a flush of the host, then L1 and L2 tables, then another. A freed cluster is used again only after that. So whatever moment the
/// process or the host dies at, the image is consistent and holds all that was flushed; at worst some space is counted that nobody uses.</para>
/// <para>Not supported and refused: encryption, external data files, extended L2 entries. Persistent bitmaps become invalid by the first
/// opening for writing, as the format wants it.</para>
/// </remarks>
public sealed partial class Qcow2Disk : ISnapshotBackend, IExtentSource
{
    private const int LargestL2SliceBytes = 4096;

    private readonly IDiskFile _file;
    private readonly Qcow2Header _header;
    private readonly DiskOptions _options;
    private readonly IBlockBackend? _backing;
    private readonly bool _ownsBacking;
    private readonly MetadataCache _l2;
    private readonly RefcountStore? _refcounts;
    private readonly CompressedClusters _compressed;
    private readonly OperationEpochs _epochs = new();
    private readonly SemaphoreSlim _mutex = new(1, 1);
    private readonly List<AllocationInFlight> _flights = [];
    private readonly HashSet<int> _dirtyL1Sectors = [];
    private readonly int _clusterBits;
    private readonly int _clusterBytes;
    private readonly int _l2Bits;
    private readonly long _fileEndAtOpen;
    private ulong[] _l1;
    private bool _isHeaderPending;
    private long _sizeBytes;

    private Qcow2Disk(IDiskFile file, Qcow2Header header, DiskOptions options, ulong[] l1, RefcountStore? refcounts, IBlockBackend? backing)
    {
        _file = file;
        _header = header;
        _options = options;
        _l1 = l1;
        _refcounts = refcounts;
        _backing = backing;
        _ownsBacking = options.BackingDisk is null;
        _clusterBits = header.ClusterBits;
        _clusterBytes = header.ClusterBytes;
        _l2Bits = _clusterBits - 3;
        _sizeBytes = header.SizeBytes;
        _fileEndAtOpen = (file.LengthBytes + _clusterBytes - 1) & -(long)_clusterBytes;
        var sliceBytes = Math.Min(_clusterBytes, LargestL2SliceBytes);
        _l2 = new MetadataCache(file, sliceBytes, Math.Max(4, CacheBytes(options) / sliceBytes));
        _compressed = new CompressedClusters(file, _clusterBits, header.IsZstd);
    }

    /// <inheritdoc/>
    public long SizeBytes => Volatile.Read(ref _sizeBytes);

    /// <inheritdoc/>
    public int BlockSizeBytes => 512;

    /// <inheritdoc/>
    public bool IsReadOnly => _refcounts is null;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => new(CanDiscard: !IsReadOnly, CanWriteZeroes: !IsReadOnly && (_header.Version >= 3 || _backing is null), CanResize: !IsReadOnly, _clusterBytes);

    internal Qcow2Header Header => _header;

    internal IBlockBackend? BackingDisk => _backing;

    /// <summary>Opens an image, and its backing files read-only if <see cref="DiskOptions.Backing"/> allows it.</summary>
    /// <exception cref="DiskImageException">The image is damaged, needs what is not supported, or names a backing file that is not allowed.</exception>
    /// <exception cref="BlockIOException">The file is not there, may not be opened, or is in use.</exception>
    public static ValueTask<Qcow2Disk> OpenAsync(string path, DiskOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new DiskOptions();
        return OpenAsync(path, options, BackingChain.Start(path));
    }

    internal static async ValueTask<Qcow2Disk> OpenAsync(string path, DiskOptions options, BackingChain chain)
    {
        var file = HostFile.Open(path, FileMode.Open, options.IsReadOnly, options.BlocksCaller);
        try
        {
            return await OpenAsync(file, options, chain).ConfigureAwait(false);
        }
        catch (DiskImageException exception)
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw new DiskImageException($"'{path}': {exception.Message}", exception);
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>As above, over any file, which becomes the disk's.</summary>
    internal static async ValueTask<Qcow2Disk> OpenAsync(IDiskFile file, DiskOptions options, BackingChain chain)
    {
        var header = await Qcow2Header.ReadAsync(file).ConfigureAwait(false);
        if (!options.IsReadOnly)
        {
            header = await PrepareForWritingAsync(file, header).ConfigureAwait(false);
        }

        var l1 = await ReadL1Async(file, header.L1Offset, header.L1Entries).ConfigureAwait(false);
        var refcounts = options.IsReadOnly ? null : await RefcountStore.OpenAsync(file, header, CacheBytes(options) / 4).ConfigureAwait(false);
        if (refcounts is not null)
        {
            ReserveTables(refcounts, header, l1, file.LengthBytes);
        }

        var backing = options.BackingDisk ?? await chain.OpenAsync(header, options).ConfigureAwait(false);
        return new Qcow2Disk(file, header, options, l1, refcounts, backing);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_refcounts is not null)
            {
                await CloseAsync().ConfigureAwait(false);
            }
        }
        catch (BlockIOException)
        {
            // Whoever wants to know flushes first. The image is consistent, as after a crash.
        }

        await _file.DisposeAsync().ConfigureAwait(false);
        if (_ownsBacking && _backing is not null)
        {
            await _backing.DisposeAsync().ConfigureAwait(false);
        }
    }

    internal static async ValueTask<ulong[]> ReadL1Async(IDiskFile file, long offsetBytes, int entries)
    {
        var bytes = new byte[entries * 8];
        await file.ReadAsync(offsetBytes, bytes, CancellationToken.None).ConfigureAwait(false);
        var l1 = new ulong[entries];
        for (var i = 0; i < l1.Length; i++)
        {
            l1[i] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(i * 8));
        }

        return l1;
    }

    private static int CacheBytes(DiskOptions options) => Math.Clamp(options.MetadataCacheBytes, 64 << 10, 1 << 30);

    private static async ValueTask<Qcow2Header> PrepareForWritingAsync(IDiskFile file, Qcow2Header header)
    {
        if (header.Incompatible.HasFlag(Qcow2Features.Corrupt))
        {
            throw new DiskImageException("The image is marked as corrupt. It opens read-only; repair it with a check before you write to it.");
        }

        if (header.Incompatible.HasFlag(Qcow2Features.Dirty))
        {
            await Qcow2Check.RepairAsync(file).ConfigureAwait(false);
            header = await Qcow2Header.ReadAsync(file).ConfigureAwait(false);
        }

        if (header.Autoclear != 0)
        {
            // Bits of extensions that are true only while everybody who writes knows them.
            header.Autoclear = 0;
            await header.SaveAsync(file).ConfigureAwait(false);
            await file.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }

        return header;
    }

    private static void ReserveTables(RefcountStore refcounts, Qcow2Header header, ulong[] l1, long fileBytes)
    {
        if (header.SnapshotCount > 0)
        {
            refcounts.ReserveTable(header.SnapshotsOffset, 1, "snapshot table");
        }

        foreach (var entry in l1)
        {
            var offset = Qcow2Entry.OffsetOf(entry);
            if (offset != 0)
            {
                if (offset % header.ClusterBytes != 0 || offset >= fileBytes)
                {
                    throw new DiskImageException($"The image is corrupt: an L2 table lies at 0x{offset:x}. It opens read-only.");
                }

                refcounts.ReserveTable(offset, header.ClusterBytes, "L2 table");
            }
        }
    }

    private static BlockIOException Corrupt(string what) => new(BlockErrorKind.Failed, $"The image is corrupt: {what}. Check it.");

    private bool IsBackedAt(long guestOffset) => _backing is not null && guestOffset < _backing.SizeBytes;

    string ISnapshotBackend.BaseStamp => $"{_file.Stamp} {(_backing as ISnapshotBackend)?.BaseStamp}".TrimEnd();

    IEnumerable<BlockRun> ISnapshotBackend.EnumerateOwn() => [];

    IBlockReplacement? ISnapshotBackend.BeginReplace(long sizeBytes) => sizeBytes == SizeBytes ? new NoReplacement() : null;
}
