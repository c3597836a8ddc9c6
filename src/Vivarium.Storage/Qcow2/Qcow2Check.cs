namespace Vivarium.Storage;

/// <summary>
/// Compares an image's tables with its refcounts. Every table is read once, however often others point at it, so that time and memory are
/// bounded by the file's length.
/// </summary>
internal sealed partial class Qcow2Check
{
    private const long MostL1BytesOfSnapshots = 1L << 30;

    private readonly IDiskFile _file;
    private readonly Qcow2Header _header;
    private readonly ClusterCounts _counts;
    private readonly HashSet<long> _tables = [];
    private readonly Dictionary<long, int> _l2Tables = [];
    private readonly Qcow2CheckResult _result = new();
    private readonly IProgress<double>? _progress;
    private ulong[] _l1 = [];

    private Qcow2Check(IDiskFile file, Qcow2Header header, IProgress<double>? progress)
    {
        _file = file;
        _header = header;
        _progress = progress;
        _counts = new ClusterCounts((file.LengthBytes + header.ClusterBytes - 1) >> header.ClusterBits);
    }

    /// <exception cref="DiskImageException">The image cannot be read at all.</exception>
    public static async ValueTask<Qcow2CheckResult> RunAsync(IDiskFile file, Qcow2Repair repair, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var check = new Qcow2Check(file, await Qcow2Header.ReadAsync(file).ConfigureAwait(false), progress);
        await check.CountAsync(cancellationToken).ConfigureAwait(false);
        await check.CompareAsync(repair, cancellationToken).ConfigureAwait(false);
        return check._result;
    }

    /// <summary>Makes an image that was not closed fit for writing.</summary>
    /// <exception cref="DiskImageException">It is damaged beyond that.</exception>
    public static async ValueTask RepairAsync(IDiskFile file)
    {
        var result = await RunAsync(file, Qcow2Repair.All, progress: null, CancellationToken.None).ConfigureAwait(false);
        if (!result.IsConsistent)
        {
            throw new DiskImageException($"The image was not closed and cannot be repaired. {result.Problems[0]}");
        }
    }

    private async ValueTask CountAsync(CancellationToken cancellationToken)
    {
        CountTable(0, _header.ClusterBytes, "header");
        CountTable(_header.RefcountTableOffset, (long)_header.RefcountTableClusters << _header.ClusterBits, "refcount table");
        if (_header.L1Entries > 0)
        {
            CountTable(_header.L1Offset, _header.L1Entries * 8L, "L1 table");
        }

        _l1 = await Qcow2Disk.ReadL1Async(_file, _header.L1Offset, _header.L1Entries).ConfigureAwait(false);
        CountL2Tables(_l1, isActive: true);
        await CountSnapshotsAsync().ConfigureAwait(false);
        foreach (var (offset, times) in _l2Tables)
        {
            if (!_tables.Add(offset >> _header.ClusterBits))
            {
                _result.AddCorruption($"The L2 table at 0x{offset:x} lies over another table.");
            }

            _counts.Add(offset >> _header.ClusterBits, times);
        }

        await CountRefcountBlocksAsync().ConfigureAwait(false);
        var active = ActiveTables();
        var done = 0;
        foreach (var (offset, times) in _l2Tables)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await CountDataAsync(offset, times, active.Contains(offset), cancellationToken).ConfigureAwait(false);
            _progress?.Report(0.7 * ++done / _l2Tables.Count);
        }
    }

    private HashSet<long> ActiveTables() => [.. _l1.Select(Qcow2Entry.OffsetOf).Where(_l2Tables.ContainsKey)];

    private void CountTable(long offset, long length, string what)
    {
        for (var cluster = offset >> _header.ClusterBits; cluster << _header.ClusterBits < offset + length; cluster++)
        {
            if (cluster >= _counts.Clusters)
            {
                _result.AddCorruption($"The {what} reaches beyond the file's end.");
                return;
            }

            if (!_tables.Add(cluster))
            {
                _result.AddCorruption($"The {what} at 0x{offset:x} overlaps another table.");
            }

            _counts.Add(cluster, 1);
        }
    }

    private void CountL2Tables(ulong[] l1, bool isActive)
    {
        var seen = new HashSet<long>();
        foreach (var entry in l1)
        {
            var offset = Qcow2Entry.OffsetOf(entry);
            if (offset == 0)
            {
                continue;
            }

            if (!IsCluster(offset))
            {
                _result.AddCorruption($"An L2 table lies at 0x{offset:x}, which is no cluster of the file.");
                continue;
            }

            if (!seen.Add(offset) && isActive)
            {
                _result.AddCorruption($"The L2 table at 0x{offset:x} is used twice.");
            }

            _l2Tables[offset] = _l2Tables.GetValueOrDefault(offset) + 1;
        }
    }

    private async ValueTask CountSnapshotsAsync()
    {
        if (_header.SnapshotCount == 0)
        {
            return;
        }

        var (snapshots, tableBytes) = await Qcow2Snapshot.ReadAllAsync(_file, _header).ConfigureAwait(false);
        CountTable(_header.SnapshotsOffset, tableBytes, "snapshot table");
        long l1Bytes = 0;
        foreach (var snapshot in snapshots)
        {
            l1Bytes += snapshot.L1Entries * 8L;
            if (l1Bytes > Math.Min(_file.LengthBytes + _header.ClusterBytes, MostL1BytesOfSnapshots))
            {
                throw new DiskImageException("The image is corrupt: the tables of its snapshots overlap.");
            }

            if (snapshot.L1Entries > 0)
            {
                CountTable(snapshot.L1Offset, snapshot.L1Entries * 8L, "L1 table of a snapshot");
                CountL2Tables(await Qcow2Disk.ReadL1Async(_file, snapshot.L1Offset, snapshot.L1Entries).ConfigureAwait(false), isActive: false);
            }
        }
    }

    private async ValueTask CountRefcountBlocksAsync()
    {
        foreach (var entry in await RefcountStore.ReadTableAsync(_file, _header).ConfigureAwait(false))
        {
            if (entry == 0)
            {
                continue;
            }

            if (!IsCluster((long)entry))
            {
                _result.AddCorruption($"A refcount block lies at 0x{entry:x}, which is no cluster of the file.");
                continue;
            }

            CountTable((long)entry, _header.ClusterBytes, "refcount block");
        }
    }

    private async ValueTask CountDataAsync(long table, int times, bool isActive, CancellationToken cancellationToken)
    {
        var slice = new MetadataCache.Slice(table, new byte[_header.ClusterBytes]);
        await _file.ReadAsync(table, slice.Bytes, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < _header.ClusterBytes / 8; i++)
        {
            var entry = slice[i];
            if (entry == 0)
            {
                continue;
            }

            var isCompressed = (entry & Qcow2Entry.Compressed) != 0;
            if (isCompressed)
            {
                CountCompressed(entry, times, table);
            }
            else if (Qcow2Entry.OffsetOf(entry) is var offset and not 0)
            {
                CountData(offset, times, table);
            }
            else
            {
                continue;
            }

            if (isActive)
            {
                _result.AllocatedClusters++;
                _result.CompressedClusters += isCompressed ? 1 : 0;
            }
        }
    }

    private void CountData(long offset, int times, long table)
    {
        if (!IsCluster(offset))
        {
            _result.AddCorruption($"The L2 table at 0x{table:x} names data at 0x{offset:x}, which is no cluster of the file.");
            return;
        }

        CountUse(offset >> _header.ClusterBits, times);
    }

    private void CountCompressed(ulong entry, int times, long table)
    {
        var (offset, length) = Qcow2Entry.CompressedRange(entry, _header.ClusterBits);
        if ((entry & Qcow2Entry.Copied) != 0)
        {
            _result.AddCorruption($"The compressed data at 0x{offset:x} is marked as one that may be written in place.");
        }

        if (offset >= _file.LengthBytes || (offset + length - 1) >> _header.ClusterBits >= _counts.Clusters)
        {
            _result.AddCorruption($"The L2 table at 0x{table:x} names compressed data at 0x{offset:x}, beyond the file's end.");
            return;
        }

        for (var cluster = offset >> _header.ClusterBits; cluster << _header.ClusterBits < offset + length; cluster++)
        {
            CountUse(cluster, times);
        }
    }

    private void CountUse(long cluster, int times)
    {
        if (_tables.Contains(cluster))
        {
            _result.AddCorruption($"Data at 0x{cluster << _header.ClusterBits:x} lies over a table.");
        }

        _counts.Add(cluster, times);
    }

    private bool IsCluster(long offset) => offset > 0 && (offset & (_header.ClusterBytes - 1)) == 0 && offset >> _header.ClusterBits < _counts.Clusters;
}
