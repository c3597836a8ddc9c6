namespace Vivarium.Storage;

/// <content>Another size.</content>
public sealed partial class Qcow2Disk
{
    /// <inheritdoc/>
    /// <remarks>The size is rounded up to 512. Images of version 2 with internal snapshots keep their size.</remarks>
    public async ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default)
    {
        Guard.Writable(IsReadOnly);
        Guard.NewSize(newSizeBytes);
        if (_header.SnapshotCount > 0 && _header.Version == 2)
        {
            throw new BlockIOException(BlockErrorKind.NotSupported, "An image of version 2 with internal snapshots cannot be resized; delete them or convert it to version 3.");
        }

        var size = newSizeBytes > long.MaxValue - _clusterBytes ? newSizeBytes : (newSizeBytes + 511) & -512L;
        var entries = Qcow2Header.L1EntriesFor(size, _clusterBits);
        if (entries > Qcow2Header.MaxL1Bytes / 8)
        {
            throw new BlockIOException(BlockErrorKind.NotSupported, $"An image with clusters of {_clusterBytes} bytes cannot have {size} bytes; larger clusters can.");
        }

        var old = SizeBytes;
        if (size > old)
        {
            await UnderMutexAsync(() => GrowL1Async((int)entries), cancellationToken).ConfigureAwait(false);

            // Whatever shows beyond the old end — the rest of a cluster, the backing file, leftovers of an interrupted shrinking — must not be the new bytes.
            await ZeroRangeAsync(old, size - old, ZeroMode.Free, size, cancellationToken).ConfigureAwait(false);
            await UnderMutexAsync(CommitAsync, cancellationToken).ConfigureAwait(false);
        }

        await UnderMutexAsync(() => SetSizeAsync(size), cancellationToken).ConfigureAwait(false);
        if (size < old)
        {
            await ZeroClustersAsync(RoundUp(size) >> _clusterBits, RoundUp(old) >> _clusterBits, ZeroMode.Drop, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask UnderMutexAsync(Func<ValueTask> action, CancellationToken cancellationToken)
    {
        await _mutex.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await action().ConfigureAwait(false);
        }
        finally
        {
            _mutex.Release();
        }
    }

    private ValueTask SetSizeAsync(long sizeBytes)
    {
        _header.SizeBytes = sizeBytes;
        _isHeaderPending = true;
        Volatile.Write(ref _sizeBytes, sizeBytes);
        return CommitAsync();
    }

    private async ValueTask GrowL1Async(int entries)
    {
        if (entries <= _l1.Length)
        {
            return;
        }

        // Afterwards the table in memory is that of the file, and all it names is there.
        await CommitAsync().ConfigureAwait(false);
        var clusters = (int)(((entries * 8L) + _clusterBytes - 1) >> _clusterBits);
        var run = await _refcounts!.AllocateTailAsync(clusters).ConfigureAwait(false);
        var l1 = new ulong[entries];
        _l1.CopyTo(l1, 0);
        try
        {
            await _file.WriteAsync(run.First << _clusterBits, TableSectors.ToBytes(l1, (long)clusters << _clusterBits), CancellationToken.None).ConfigureAwait(false);
            await _file.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch
        {
            await _refcounts.AbandonAsync(run.First, clusters).ConfigureAwait(false);
            throw;
        }

        var (oldOffset, oldClusters) = (_header.L1Offset, RoundUp(_l1.Length * 8L) >> _clusterBits);
        _refcounts.ReserveTable(run.First << _clusterBits, (long)clusters << _clusterBits, "L1 table");
        _refcounts.ForgetTable(oldOffset, oldClusters << _clusterBits);
        for (var i = 0; i < oldClusters; i++)
        {
            _refcounts.Unlink((oldOffset >> _clusterBits) + i);
        }

        _header.L1Offset = run.First << _clusterBits;
        _header.L1Entries = entries;
        _isHeaderPending = true;
        Volatile.Write(ref _l1, l1);
        await CommitAsync().ConfigureAwait(false);
    }
}
