using System.Buffers.Binary;

namespace Vivarium.Storage;

/// <summary>
/// The refcounts of an image's clusters: which are free, and where the counts themselves are kept. Only for the holder of the image's mutex,
/// except <see cref="IsMetadata"/>.
/// </summary>
/// <remarks>
/// Crash order: a cluster's count is on the disk before anything refers to the cluster, and goes down only after nothing on the disk refers
/// to it. A new block of counts is on the disk before the table points at it. So a crash loses free space at worst.
/// </remarks>
internal sealed partial class RefcountStore
{
    private readonly IDiskFile _file;
    private readonly Qcow2Header _header;
    private readonly MetadataCache _blocks;
    private readonly RefcountWidth _width;
    private readonly long _perBlock;
    private readonly long _perSlice;
    private readonly HashSet<int> _dirtyTableSectors = [];
    private readonly HashSet<long> _metadata = [];
    private readonly Lock _metadataGate = new();
    private ulong[] _table;
    private bool _isHeaderPending;
    private long _hint;
    private long _end;
    private long _freshFrom;

    private RefcountStore(IDiskFile file, Qcow2Header header, ulong[] table, int cacheBytes)
    {
        _file = file;
        _header = header;
        _table = table;
        _width = new RefcountWidth(header.RefcountOrder);
        _perBlock = _width.CountIn(header.ClusterBytes);
        var sliceBytes = Math.Min(header.ClusterBytes, 4096);
        _perSlice = _width.CountIn(sliceBytes);
        _blocks = new MetadataCache(file, sliceBytes, Math.Max(4, cacheBytes / sliceBytes));
        _end = (file.LengthBytes + header.ClusterBytes - 1) >> header.ClusterBits;
        _freshFrom = _end;
    }

    /// <summary>Whether counts wait to be written.</summary>
    public bool IsDirty => _blocks.DirtyCount > 0 || _dirtyTableSectors.Count > 0 || _isHeaderPending;

    /// <summary>Whether so many wait that they should be written.</summary>
    public bool IsFullOfDirty => _blocks.IsFullOfDirty;

    /// <summary>The end of what is used of the file. Any thread.</summary>
    public long EndBytes => Volatile.Read(ref _end) << _header.ClusterBits;

    /// <exception cref="DiskImageException">The refcount table is corrupt.</exception>
    public static async ValueTask<RefcountStore> OpenAsync(IDiskFile file, Qcow2Header header, int cacheBytes)
    {
        var store = new RefcountStore(file, header, await ReadTableAsync(file, header).ConfigureAwait(false), cacheBytes);
        store.ReserveTable(0, header.ClusterBytes, "header");
        store.ReserveTable(header.RefcountTableOffset, (long)header.RefcountTableClusters << header.ClusterBits, "refcount table");
        store.ReserveTable(header.L1Offset, header.L1Entries * 8L, "L1 table");
        foreach (var entry in store._table)
        {
            if (entry != 0)
            {
                var isInFile = entry % (ulong)header.ClusterBytes == 0 && entry < (ulong)file.LengthBytes;
                Require(isInFile, $"The image is corrupt: a refcount block lies at 0x{entry:x}.");
                store.ReserveTable((long)entry, header.ClusterBytes, "refcount block");
            }
        }

        return store;
    }

    /// <summary>Marks clusters as tables: never allocated, never written as data. Complains if they are tables already.</summary>
    /// <exception cref="DiskImageException">Two tables share a cluster.</exception>
    public void ReserveTable(long offsetBytes, long lengthBytes, string what)
    {
        lock (_metadataGate)
        {
            for (var cluster = offsetBytes >> _header.ClusterBits; cluster << _header.ClusterBits < offsetBytes + lengthBytes; cluster++)
            {
                Require(_metadata.Add(cluster), $"The image is corrupt: its {what} at 0x{offsetBytes:x} overlaps another table. Check it.");
            }
        }
    }

    public void ForgetTable(long offsetBytes, long lengthBytes)
    {
        lock (_metadataGate)
        {
            for (var cluster = offsetBytes >> _header.ClusterBits; cluster << _header.ClusterBits < offsetBytes + lengthBytes; cluster++)
            {
                _metadata.Remove(cluster);
            }
        }
    }

    /// <summary>Whether a range of the file holds a table that writing data would destroy. Any thread.</summary>
    public bool IsMetadata(long offsetBytes, long lengthBytes)
    {
        lock (_metadataGate)
        {
            for (var cluster = offsetBytes >> _header.ClusterBits; cluster << _header.ClusterBits < offsetBytes + lengthBytes; cluster++)
            {
                if (_metadata.Contains(cluster))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Takes 1 to <paramref name="wanted"/> free clusters in a row.</summary>
    /// <exception cref="BlockIOException">The host failed, the image is full or corrupt.</exception>
    public async ValueTask<ClusterRun> AllocateAsync(int wanted)
    {
        while (true)
        {
            var range = _hint / _perBlock;
            if (range >= _table.Length)
            {
                await GrowTableAsync(range + 1).ConfigureAwait(false);
                continue;
            }

            if (_table[range] == 0)
            {
                await AppendAsync(0, range).ConfigureAwait(false);
                continue;
            }

            var place = SliceOf(_hint, _table);
            var index = _width.FindFree((await _blocks.GetAsync(place).ConfigureAwait(false)).Bytes, (int)(_hint % _perSlice));
            if (index < 0)
            {
                _hint += _perSlice - (_hint % _perSlice);
                continue;
            }

            var slice = await _blocks.GetForChangeAsync(place).ConfigureAwait(false);
            var first = _hint - (_hint % _perSlice) + index;
            var count = 0;
            while (count < wanted && index + count < _perSlice && _width.Get(slice.Bytes, index + count) == 0)
            {
                count++;
            }

            if (IsMetadata(first << _header.ClusterBits, (long)count << _header.ClusterBits))
            {
                throw new BlockIOException(BlockErrorKind.Failed, $"The image is corrupt: a table at 0x{first << _header.ClusterBits:x} is counted as free. Check it.");
            }

            for (var i = 0; i < count; i++)
            {
                _width.Set(slice.Bytes, index + i, 1);
            }

            _hint = first + count;
            return Take(first, count);
        }
    }

    /// <summary>Takes clusters in a row at the end of the file.</summary>
    public async ValueTask<ClusterRun> AllocateTailAsync(int count) => Take(await AppendAsync(count, range: -1).ConfigureAwait(false), count);

    /// <summary>Gives back clusters that were allocated and that nothing has ever referred to.</summary>
    public async ValueTask AbandonAsync(long first, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await SetAsync(first + i, 0, _table).ConfigureAwait(false);
        }

        _hint = Math.Min(_hint, first);
    }

    /// <summary>A cluster's count, as it will be written.</summary>
    public ValueTask<ulong> GetCountAsync(long cluster) => GetAsync(cluster, _table);

    /// <summary>The first counted cluster from one on, or -1.</summary>
    public async ValueTask<long> FindCountedAsync(long cluster)
    {
        for (; cluster / _perBlock < _table.Length; cluster += _perSlice - (cluster % _perSlice))
        {
            if (_table[cluster / _perBlock] == 0)
            {
                cluster += _perBlock - (cluster % _perBlock) - _perSlice;
                continue;
            }

            var slice = await _blocks.GetAsync(SliceOf(cluster, _table)).ConfigureAwait(false);
            if (!slice.Bytes.AsSpan().ContainsAnyExcept((byte)0))
            {
                continue;
            }

            for (var index = (int)(cluster % _perSlice); index < _perSlice; index++)
            {
                if (_width.Get(slice.Bytes, index) != 0)
                {
                    return cluster - (cluster % _perSlice) + index;
                }
            }
        }

        return -1;
    }

    /// <summary>Sets a count, for repairs: with a new block where there is none.</summary>
    public async ValueTask SetCountAsync(long cluster, ulong count)
    {
        while (cluster / _perBlock >= _table.Length)
        {
            await GrowTableAsync((cluster / _perBlock) + 1).ConfigureAwait(false);
        }

        if (_table[cluster / _perBlock] == 0)
        {
            await AppendAsync(0, cluster / _perBlock).ConfigureAwait(false);
        }

        await SetAsync(cluster, count, _table).ConfigureAwait(false);
        if (_blocks.IsFullOfDirty)
        {
            await WriteAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Writes the counts. Afterwards a flush makes them durable.</summary>
    public async ValueTask WriteAsync()
    {
        if (_isHeaderPending)
        {
            await _header.SaveAsync(_file).ConfigureAwait(false);
            await _file.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            _isHeaderPending = false;
        }

        await _blocks.WriteDirtyAsync().ConfigureAwait(false);
        if (_dirtyTableSectors.Count > 0)
        {
            await _file.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            await TableSectors.WriteAsync(_file, _header.RefcountTableOffset, _table, _dirtyTableSectors).ConfigureAwait(false);
        }
    }

    internal static async ValueTask<ulong[]> ReadTableAsync(IDiskFile file, Qcow2Header header)
    {
        var bytes = new byte[header.RefcountTableClusters << header.ClusterBits];
        await file.ReadAsync(header.RefcountTableOffset, bytes, CancellationToken.None).ConfigureAwait(false);
        var table = new ulong[bytes.Length / 8];
        for (var i = 0; i < table.Length; i++)
        {
            table[i] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(i * 8));
        }

        return table;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new DiskImageException(message);
        }
    }

    private ClusterRun Take(long first, int count)
    {
        var run = new ClusterRun(first, count, _freshFrom);
        Volatile.Write(ref _end, Math.Max(_end, first + count));
        _freshFrom = Math.Max(_freshFrom, first + count);
        return run;
    }

    private long SliceOf(long cluster, ulong[] table) =>
        (long)table[cluster / _perBlock] + ((cluster % _perBlock) / _perSlice * _blocks.SliceBytes);

    private async ValueTask<ulong> GetAsync(long cluster, ulong[] table)
    {
        var range = cluster / _perBlock;
        return range >= table.Length || table[range] == 0
            ? 0
            : _width.Get((await _blocks.GetAsync(SliceOf(cluster, table)).ConfigureAwait(false)).Bytes, (int)(cluster % _perSlice));
    }

    private async ValueTask SetAsync(long cluster, ulong value, ulong[] table)
    {
        var slice = await _blocks.GetForChangeAsync(SliceOf(cluster, table)).ConfigureAwait(false);
        _width.Set(slice.Bytes, (int)(cluster % _perSlice), value);
    }
}
