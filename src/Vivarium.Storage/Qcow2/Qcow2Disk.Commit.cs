namespace Vivarium.Storage;

/// <content>Bringing the tables to the file, in the order that survives a crash at any moment.</content>
public sealed partial class Qcow2Disk
{
    /// <inheritdoc/>
    public async ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        if (IsReadOnly)
        {
            return;
        }

        await _mutex.WaitAsync(cancellationToken).ConfigureAwait(false);
        var isDirty = false;
        try
        {
            isDirty = HasDirtyTables || _refcounts!.HasUnlinked;
            if (isDirty)
            {
                await CommitAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            _mutex.Release();
        }

        if (!isDirty)
        {
            // Data alone: allocations need not wait for it.
            await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private bool HasDirtyTables => _l2.DirtyCount > 0 || _dirtyL1Sectors.Count > 0 || _isHeaderPending || _refcounts!.IsDirty;

    /// <summary>Makes all tables durable. The caller holds the mutex. After a failure what is not written is tried again at the next time.</summary>
    private async ValueTask CommitAsync()
    {
        await _refcounts!.WriteAsync().ConfigureAwait(false);
        if (_l2.DirtyCount > 0 || _dirtyL1Sectors.Count > 0 || _isHeaderPending)
        {
            // Counts, data and new tables must be there before anything points at them.
            await _file.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            if (_isHeaderPending)
            {
                await _header.SaveAsync(_file).ConfigureAwait(false);
                await _file.FlushAsync(CancellationToken.None).ConfigureAwait(false);
                _isHeaderPending = false;
            }

            await _l2.WriteDirtyAsync().ConfigureAwait(false);
            await TableSectors.WriteAsync(_file, _header.L1Offset, _l1, _dirtyL1Sectors).ConfigureAwait(false);
        }

        await _file.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        _refcounts.TablesAreDurable(_epochs);
        await _refcounts.ReclaimAsync(_epochs, _options.PunchesHoles).ConfigureAwait(false);
    }

    private async ValueTask CloseAsync()
    {
        await _mutex.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            // The first time frees what was unlinked, the second writes that it is free.
            for (var round = 0; round < 2 && (HasDirtyTables || _refcounts!.HasUnlinked); round++)
            {
                await CommitAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            _mutex.Release();
        }
    }
}
