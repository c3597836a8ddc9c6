namespace Vivarium.Storage;

/// <content>New blocks and a larger table.</content>
internal sealed partial class RefcountStore
{
    /// <summary>
    /// Takes <paramref name="count"/> clusters at the end, and behind them as many as new blocks need: for these clusters, for the blocks
    /// themselves, and for <paramref name="range"/> if it is not negative. Returns the first cluster.
    /// </summary>
    private async ValueTask<long> AppendAsync(int count, long range)
    {
        while (true)
        {
            var first = await TryAppendAsync(count, range, _table).ConfigureAwait(false);
            if (first >= 0)
            {
                return first;
            }

            await GrowTableAsync(((_end + count) / _perBlock) + 2).ConfigureAwait(false);
        }
    }

    /// <summary>As <see cref="AppendAsync"/>, into any table; -1 where it is too small.</summary>
    private async ValueTask<long> TryAppendAsync(int count, long range, ulong[] table)
    {
        for (var first = _end; ;)
        {
            var missing = FindMissing(first, count, range, table);
            if (missing is null)
            {
                return -1;
            }

            var used = await FindUsedAsync(first, count + missing.Count, table).ConfigureAwait(false);
            if (used >= 0)
            {
                // Counted, but beyond the file's end: left by a crash.
                first = used + 1;
                continue;
            }

            var blocks = (first + count) << _header.ClusterBits;
            await ZeroBytes.WriteAsync(_file, blocks, (long)missing.Count << _header.ClusterBits, CancellationToken.None).ConfigureAwait(false);
            _blocks.Forget(blocks, (long)missing.Count << _header.ClusterBits);
            for (var i = 0; i < missing.Count; i++)
            {
                var offset = blocks + ((long)i << _header.ClusterBits);
                table[missing[i]] = (ulong)offset;
                ReserveTable(offset, _header.ClusterBytes, "refcount block");
                if (table == _table)
                {
                    _dirtyTableSectors.Add((int)(missing[i] / TableSectors.EntriesPerSector));
                }
            }

            for (var i = 0; i < count + missing.Count; i++)
            {
                await SetAsync(first + i, 1, table).ConfigureAwait(false);
            }

            // The blocks are written; what stands before them may be fresh, and the caller learns that when it takes it.
            Volatile.Write(ref _end, first + count + missing.Count);
            if (count == 0)
            {
                _freshFrom = Math.Max(_freshFrom, _end);
            }

            return first;
        }
    }

    /// <summary>The ranges without a block, for so many clusters and the blocks behind them; null where the table is too small.</summary>
    private List<long>? FindMissing(long first, int count, long range, ulong[] table)
    {
        var missing = new List<long>();
        while (true)
        {
            var found = new List<long>();
            var last = Math.Max(first, first + count + missing.Count - 1) / _perBlock;
            if (last >= table.Length)
            {
                return null;
            }

            for (var each = first / _perBlock; each <= last && count + missing.Count > 0; each++)
            {
                if (table[each] == 0)
                {
                    found.Add(each);
                }
            }

            if (range >= 0 && table[range] == 0 && !found.Contains(range))
            {
                found.Add(range);
            }

            if (found.Count == missing.Count)
            {
                return found;
            }

            missing = found;
        }
    }

    private async ValueTask<long> FindUsedAsync(long first, int count, ulong[] table)
    {
        for (var i = count - 1; i >= 0; i--)
        {
            if (await GetAsync(first + i, table).ConfigureAwait(false) != 0)
            {
                return first + i;
            }
        }

        return -1;
    }

    private async ValueTask GrowTableAsync(long entries)
    {
        entries = Math.Max(entries, _table.Length + (_table.Length / 2L));
        while (true)
        {
            var clusters = ((entries * 8) + _header.ClusterBytes - 1) >> _header.ClusterBits;
            if (clusters << _header.ClusterBits > Math.Max(Qcow2Header.MaxRefcountTableBytes, _header.ClusterBytes))
            {
                throw new BlockIOException(BlockErrorKind.Full, "The image's refcount table cannot grow further; an image with larger clusters holds more.");
            }

            var table = new ulong[(clusters << _header.ClusterBits) / 8];
            _table.CopyTo(table, 0);
            var first = await TryAppendAsync((int)clusters, range: -1, table).ConfigureAwait(false);
            if (first < 0)
            {
                entries = table.Length + 1;
                continue;
            }

            var offset = first << _header.ClusterBits;
            _freshFrom = Math.Max(_freshFrom, _end);
            await _blocks.WriteDirtyAsync().ConfigureAwait(false);
            await _file.WriteAsync(offset, TableSectors.ToBytes(table, clusters << _header.ClusterBits), CancellationToken.None).ConfigureAwait(false);
            await _file.FlushAsync(CancellationToken.None).ConfigureAwait(false);

            // From here on the file's header may name either table, so the new one is ours whatever happens, and the header is written again until it is durable.
            var (oldOffset, oldClusters) = (_header.RefcountTableOffset, _header.RefcountTableClusters);
            ReserveTable(offset, clusters << _header.ClusterBits, "refcount table");
            ForgetTable(oldOffset, (long)oldClusters << _header.ClusterBits);
            _table = table;
            _dirtyTableSectors.Clear();
            _header.RefcountTableOffset = offset;
            _header.RefcountTableClusters = (int)clusters;
            _isHeaderPending = true;
            for (var i = 0; i < oldClusters; i++)
            {
                Unlink((oldOffset >> _header.ClusterBits) + i);
            }

            await _header.SaveAsync(_file).ConfigureAwait(false);
            await _file.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            _isHeaderPending = false;
            return;
        }
    }
}
