namespace Vivarium.Storage;

/// <content>Discarding and writing zeros.</content>
public sealed partial class Qcow2Disk
{
    private const int LargestZeroWriteBytes = 1 << 20;

    private enum ZeroMode
    {
        /// <summary>The content is not needed.</summary>
        Discard,

        /// <summary>Reads as zeros; clusters are kept.</summary>
        Keep,

        /// <summary>Reads as zeros; clusters are freed.</summary>
        Free,

        /// <summary>Beyond the disk's end: freed, whatever shows then.</summary>
        Drop,
    }

    /// <inheritdoc/>
    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Guard.Writable(IsReadOnly);
        Guard.Range(offsetBytes, lengthBytes, SizeBytes);
        return ZeroRangeAsync(offsetBytes, lengthBytes, ZeroMode.Discard, SizeBytes, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default)
    {
        Guard.Writable(IsReadOnly);
        Guard.Range(offsetBytes, lengthBytes, SizeBytes);
        return ZeroRangeAsync(offsetBytes, lengthBytes, mayUnmap ? ZeroMode.Free : ZeroMode.Keep, SizeBytes, cancellationToken);
    }

    /// <summary>Empties the image: it reads as its backing file.</summary>
    internal ValueTask ForgetAsync(CancellationToken cancellationToken) =>
        ZeroClustersAsync(0, RoundUp(SizeBytes) >> _clusterBits, ZeroMode.Drop, cancellationToken);

    private async ValueTask ZeroRangeAsync(long offset, long length, ZeroMode mode, long diskEnd, CancellationToken cancellationToken)
    {
        var end = offset + length;
        var writesZeros = mode is ZeroMode.Keep or ZeroMode.Free;
        if (writesZeros && _header.Version == 2 && IsBackedAt(offset))
        {
            // Version 2 has no entry for zeros over a backing file.
            var written = Math.Min(end, RoundUp(_backing!.SizeBytes));
            await WriteZerosAsync(offset, written, cancellationToken).ConfigureAwait(false);
            offset = written;
        }

        // The disk's last cluster may be cut short, and is whole all the same.
        var first = Math.Min(RoundUp(offset), end);
        var last = end >= diskEnd ? RoundUp(end) : Math.Max(first, end & -(long)_clusterBytes);
        if (writesZeros && offset < first)
        {
            await WriteZerosAsync(offset, first, cancellationToken).ConfigureAwait(false);
        }

        if ((first & (_clusterBytes - 1)) == 0)
        {
            await ZeroClustersAsync(first >> _clusterBits, last >> _clusterBits, mode, cancellationToken).ConfigureAwait(false);
        }

        if (writesZeros && last < end)
        {
            await WriteZerosAsync(last, end, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Writes zeros where other bytes show.</summary>
    private async ValueTask WriteZerosAsync(long offset, long end, CancellationToken cancellationToken)
    {
        var zeros = default(byte[]);
        while (offset < end)
        {
            var extent = await MapAsync(offset, Math.Min(end - offset, LargestZeroWriteBytes)).ConfigureAwait(false);
            if (extent.Kind != ClusterKind.Zero && (extent.Kind != ClusterKind.Unallocated || IsBackedAt(offset)))
            {
                zeros ??= new byte[Math.Min(end - offset, LargestZeroWriteBytes)];
                await WriteRangeAsync(offset, [zeros.AsMemory(0, (int)extent.LengthBytes)], extent.LengthBytes, cancellationToken).ConfigureAwait(false);
            }

            offset += extent.LengthBytes;
        }
    }

    private async ValueTask ZeroClustersAsync(long cluster, long end, ZeroMode mode, CancellationToken cancellationToken)
    {
        while (cluster < end)
        {
            AllocationInFlight? other = null;
            await _mutex.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (_l2.IsFullOfDirty || _refcounts!.IsFullOfDirty || _refcounts.HasManyUnlinked)
                {
                    await CommitAsync().ConfigureAwait(false);
                }

                var left = (_l2.SliceBytes / 8) - InSlice(L2Index(cluster << _clusterBits));
                var count = Math.Min(end - cluster, left);
                other = FindFlight(cluster, count);
                if (other is null)
                {
                    cluster += await ZeroInSliceAsync(cluster, (int)count, mode).ConfigureAwait(false);
                }
            }
            finally
            {
                _mutex.Release();
            }

            if (other is not null)
            {
                await other.Done.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Changes entries of one slice. The caller holds the mutex. Returns how many clusters are done, which may be more.</summary>
    private async ValueTask<long> ZeroInSliceAsync(long cluster, int count, ZeroMode mode)
    {
        var offset = cluster << _clusterBits;
        var l1Index = offset >> (_clusterBits + _l2Bits);
        var table = Qcow2Entry.OffsetOf(_l1[l1Index]);
        if (table == 0 && NewEntry(0, cluster, mode) == 0)
        {
            // No table, and none needed: what is not backed at its beginning is not backed further on.
            return IsBackedAt(offset) && mode is ZeroMode.Keep or ZeroMode.Free ? count : (1L << _l2Bits) - L2Index(offset);
        }

        var index = L2Index(offset);
        if (table != 0)
        {
            CheckTable(table);
            var slice = await _l2.GetAsync(SliceOf(table, index)).ConfigureAwait(false);
            var changes = false;
            for (var i = 0; i < count && !changes; i++)
            {
                var old = slice[InSlice(index + i)];
                changes = NewEntry(old, cluster + i, mode) != old;
            }

            if (!changes)
            {
                return count;
            }
        }

        table = await EnsureL2TableAsync(l1Index).ConfigureAwait(false);
        var changed = await _l2.GetForChangeAsync(SliceOf(table, index)).ConfigureAwait(false);
        for (var i = 0; i < count; i++)
        {
            var inSlice = InSlice(index + i);
            var old = changed[inSlice];
            var entry = NewEntry(old, cluster + i, mode);
            if (entry != old)
            {
                changed[inSlice] = entry;
                if (Qcow2Entry.OffsetOf(entry) == 0)
                {
                    Unlink(old);
                }
            }
        }

        return count;
    }

    private ulong NewEntry(ulong old, long cluster, ZeroMode mode)
    {
        var kind = KindOf(old);
        var isBacked = IsBackedAt(cluster << _clusterBits);
        var hidden = isBacked ? Qcow2Entry.Zero : 0;
        return mode switch
        {
            ZeroMode.Drop => 0,
            ZeroMode.Discard when kind == ClusterKind.Unallocated || (isBacked && _header.Version == 2) => old,
            ZeroMode.Discard => hidden,
            _ when kind == ClusterKind.Unallocated => hidden,
            ZeroMode.Keep when kind == ClusterKind.Zero => old,
            ZeroMode.Keep when _header.Version >= 3 && IsInPlace(old) => old | Qcow2Entry.Zero,
            _ => hidden,
        };
    }

    private long RoundUp(long offset) => (offset + _clusterBytes - 1) & -(long)_clusterBytes;
}
