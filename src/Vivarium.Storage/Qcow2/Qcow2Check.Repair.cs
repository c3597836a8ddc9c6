namespace Vivarium.Storage;

/// <content>The refcounts beside what was counted, and their repair.</content>
internal sealed partial class Qcow2Check
{
    private const int CacheBytes = 8 << 20;

    private async ValueTask CompareAsync(Qcow2Repair repair, CancellationToken cancellationToken)
    {
        // A table of counts that cannot be trusted is not written through.
        var broken = _result.Corruptions;
        var mayRepair = repair != Qcow2Repair.None && broken == 0 && (_header.Autoclear & 1) == 0;
        if (!mayRepair && repair != Qcow2Repair.None)
        {
            _result.Add(broken > 0
                ? "Nothing is repaired, as tables point to where they must not."
                : "Nothing is repaired, as the image has bitmaps that only their maker knows.");
        }

        RefcountStore store;
        try
        {
            store = await RefcountStore.OpenAsync(_file, _header, CacheBytes).ConfigureAwait(false);
        }
        catch (DiskImageException exception)
        {
            if (broken == 0)
            {
                _result.AddCorruption(exception.Message);
            }

            return;
        }

        await CompareCountsAsync(store, repair, mayRepair, cancellationToken).ConfigureAwait(false);
        await CompareBeyondEndAsync(store, mayRepair, cancellationToken).ConfigureAwait(false);
        await CompareMarksAsync(repair == Qcow2Repair.All && mayRepair, cancellationToken).ConfigureAwait(false);
        if (mayRepair)
        {
            await store.WriteAsync().ConfigureAwait(false);
            await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (repair == Qcow2Repair.All && _result.IsConsistent && _header.Incompatible.HasFlag(Qcow2Features.Dirty) | _header.Incompatible.HasFlag(Qcow2Features.Corrupt))
            {
                _header.Incompatible &= ~(Qcow2Features.Dirty | Qcow2Features.Corrupt);
                await _header.SaveAsync(_file).ConfigureAwait(false);
                await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask CompareCountsAsync(RefcountStore store, Qcow2Repair repair, bool mayRepair, CancellationToken cancellationToken)
    {
        var max = new RefcountWidth(_header.RefcountOrder).Max;
        for (long cluster = 0; cluster < _counts.Clusters; cluster++)
        {
            if ((cluster & 0xFFFF) == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                _progress?.Report(0.7 + (0.3 * cluster / _counts.Clusters));
            }

            var stored = await store.GetCountAsync(cluster).ConfigureAwait(false);
            var counted = (ulong)_counts[cluster];
            if (counted > 0)
            {
                _result.UsedEndBytes = (cluster + 1) << _header.ClusterBits;
            }

            if (stored == counted)
            {
                continue;
            }

            _result.Add($"The cluster at 0x{cluster << _header.ClusterBits:x} is used {counted} times and counted {stored} times.");
            if (stored > counted)
            {
                var repairs = mayRepair;
                _result.LeakedClusters += repairs ? 0 : 1;
                _result.LeaksRepaired += repairs ? 1 : 0;
                if (repairs)
                {
                    await store.SetCountAsync(cluster, counted).ConfigureAwait(false);
                }
            }
            else
            {
                var repairs = mayRepair && repair == Qcow2Repair.All && counted <= max;
                _result.Corruptions += repairs ? 0 : 1;
                _result.CorruptionsRepaired += repairs ? 1 : 0;
                if (repairs)
                {
                    await store.SetCountAsync(cluster, counted).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>Clusters that a crash left counted and that the file never came to have.</summary>
    private async ValueTask CompareBeyondEndAsync(RefcountStore store, bool repairs, CancellationToken cancellationToken)
    {
        for (var cluster = _counts.Clusters; (cluster = await store.FindCountedAsync(cluster).ConfigureAwait(false)) >= 0; cluster++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (store.IsMetadata(cluster << _header.ClusterBits, 1))
            {
                // Made by this repair.
                continue;
            }

            _result.Add($"The cluster at 0x{cluster << _header.ClusterBits:x}, beyond the file's end, is counted.");
            _result.LeakedClusters += repairs ? 0 : 1;
            _result.LeaksRepaired += repairs ? 1 : 0;
            if (repairs)
            {
                await store.SetCountAsync(cluster, 0).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whoever is the only user of a cluster is marked so, and nobody else.</summary>
    private async ValueTask CompareMarksAsync(bool repairs, CancellationToken cancellationToken)
    {
        var wrongInL1 = new HashSet<int>();
        for (var i = 0; i < _l1.Length; i++)
        {
            var offset = Qcow2Entry.OffsetOf(_l1[i]);
            if (offset == 0 || !IsCluster(offset))
            {
                continue;
            }

            if (IsMarkedWrongly(_l1[i], offset))
            {
                CountMark($"The L2 table at 0x{offset:x}", repairs);
                _l1[i] ^= Qcow2Entry.Copied;
                wrongInL1.Add(i / TableSectors.EntriesPerSector);
            }

            await CompareMarksOfAsync(offset, repairs, cancellationToken).ConfigureAwait(false);
        }

        if (repairs)
        {
            await TableSectors.WriteAsync(_file, _header.L1Offset, _l1, wrongInL1).ConfigureAwait(false);
        }
    }

    private async ValueTask CompareMarksOfAsync(long table, bool repairs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var slice = new MetadataCache.Slice(table, new byte[_header.ClusterBytes]);
        await _file.ReadAsync(table, slice.Bytes, cancellationToken).ConfigureAwait(false);
        var isChanged = false;
        for (var i = 0; i < _header.ClusterBytes / 8; i++)
        {
            var entry = slice[i];
            var offset = Qcow2Entry.OffsetOf(entry);
            if ((entry & Qcow2Entry.Compressed) == 0 && offset != 0 && IsCluster(offset) && IsMarkedWrongly(entry, offset))
            {
                CountMark($"The data at 0x{offset:x}", repairs);
                slice[i] = entry ^ Qcow2Entry.Copied;
                isChanged = true;
            }
        }

        if (isChanged && repairs)
        {
            await _file.WriteAsync(table, slice.Bytes, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool IsMarkedWrongly(ulong entry, long offset) => (entry & Qcow2Entry.Copied) != 0 != (_counts[offset >> _header.ClusterBits] == 1);

    private void CountMark(string what, bool repairs)
    {
        _result.Add($"{what} is marked wrongly as to whether it may be written in place.");
        _result.Corruptions += repairs ? 0 : 1;
        _result.CorruptionsRepaired += repairs ? 1 : 0;
    }
}
