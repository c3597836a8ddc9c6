namespace Vivarium.Storage;

/// <summary>
/// A copy-on-write child in memory of a disk that many children may share: the base is only read, writes stay here, and
/// <see cref="Reset"/> forgets them at once. For a child in a file see <see cref="Qcow2Disk.CreateAsync"/> with a backing file.
/// </summary>
public sealed class OverlayDisk : ISnapshotBackend, IExtentSource
{
    private const int PageBytes = PageStore.PageBytes;

    private readonly IBlockBackend _base;
    private readonly bool _ownsBase;
    private volatile PageStore _pages = new();
    private long _sizeBytes;

    /// <summary>Creates a child that reads as <paramref name="baseDisk"/>, which must not change meanwhile.</summary>
    /// <param name="baseDisk">The disk below; never written.</param>
    /// <param name="ownsBase">Whether the base is disposed with the child.</param>
    public OverlayDisk(IBlockBackend baseDisk, bool ownsBase = false)
    {
        ArgumentNullException.ThrowIfNull(baseDisk);
        _base = baseDisk;
        _ownsBase = ownsBase;
        _sizeBytes = baseDisk.SizeBytes;
    }

    /// <inheritdoc/>
    public long SizeBytes => Volatile.Read(ref _sizeBytes);

    /// <inheritdoc/>
    public int BlockSizeBytes => _base.BlockSizeBytes;

    /// <inheritdoc/>
    public bool IsReadOnly => false;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => new(CanDiscard: true, CanWriteZeroes: true, CanResize: true, PageBytes);

    /// <summary>The memory that the child's own content takes, in bytes.</summary>
    public long AllocatedBytes => _pages.Count * PageBytes;

    /// <summary>Forgets all that was written and the size: the child reads as its base again. No request may be in flight.</summary>
    public void Reset()
    {
        _pages = new PageStore();
        Volatile.Write(ref _sizeBytes, _base.SizeBytes);
    }

    /// <inheritdoc/>
    public async ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        var length = Buffers.Length(buffers);
        Guard.Range(offsetBytes, length, SizeBytes);
        var pages = _pages;
        for (long done = 0; done < length;)
        {
            var position = offsetBytes + done;
            var page = pages.Find(position / PageBytes);
            long count = PageBytes - (position % PageBytes);
            while (page is null && count < length - done && pages.Find((position + count) / PageBytes) is null)
            {
                count += PageBytes;
            }

            count = Math.Min(count, length - done);
            var part = Buffers.Slice(buffers, done, count);
            if (page is null)
            {
                await ReadBaseAsync(position, part, count, cancellationToken).ConfigureAwait(false);
            }
            else if (page.Length == 0)
            {
                Buffers.Clear(part);
            }
            else
            {
                Buffers.CopyTo(page.AsSpan((int)(position % PageBytes), (int)count), part);
            }

            done += count;
        }
    }

    /// <inheritdoc/>
    public async ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        Guard.Range(offsetBytes, Buffers.Length(buffers), SizeBytes);
        for (var i = 0; i < buffers.Count; i++)
        {
            var buffer = buffers[i];
            while (buffer.Length > 0)
            {
                var inPage = (int)(offsetBytes % PageBytes);
                var count = Math.Min(buffer.Length, PageBytes - inPage);
                var page = await GetOwnPageAsync(offsetBytes / PageBytes, isWhole: count == PageBytes, cancellationToken).ConfigureAwait(false);
                buffer[..count].Span.CopyTo(page.AsSpan(inPage));
                buffer = buffer[count..];
                offsetBytes += count;
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default)
    {
        // Zeros over what the child itself holds free its memory; over the base they would cost some.
        Guard.Range(offsetBytes, lengthBytes, SizeBytes);
        var end = offsetBytes + lengthBytes;
        foreach (var (number, page) in _pages.Enumerate((offsetBytes + PageBytes - 1) / PageBytes, end / PageBytes))
        {
            if (page.Length > 0)
            {
                _pages.Replace(number, PageStore.Zero);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default)
    {
        Guard.Range(offsetBytes, lengthBytes, SizeBytes);
        var end = offsetBytes + lengthBytes;
        var first = (offsetBytes + PageBytes - 1) / PageBytes;
        var last = end / PageBytes;
        if (first > last)
        {
            await ZeroInPageAsync(offsetBytes, end, cancellationToken).ConfigureAwait(false);
            return;
        }

        await ZeroInPageAsync(offsetBytes, first * PageBytes, cancellationToken).ConfigureAwait(false);
        _pages.ReplaceWithZeros(first, last);
        await ZeroInPageAsync(last * PageBytes, end, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default)
    {
        Guard.NewSize(newSizeBytes);
        var old = SizeBytes;
        var hidden = Math.Min(Math.Max(old, newSizeBytes), Math.Max(_base.SizeBytes, old)) - Math.Min(old, newSizeBytes);
        if (newSizeBytes > old)
        {
            // The base may hold bytes beyond the child's old end; they are not the new ones.
            Volatile.Write(ref _sizeBytes, newSizeBytes);
            await WriteZeroesAsync(old, Math.Max(0, hidden), mayUnmap: true, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await WriteZeroesAsync(newSizeBytes, old - newSizeBytes, mayUnmap: true, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _sizeBytes, newSizeBytes);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _ownsBase ? _base.DisposeAsync() : ValueTask.CompletedTask;

    async ValueTask<DiskExtent> IExtentSource.FindExtentAsync(long offsetBytes, CancellationToken cancellationToken)
    {
        var page = _pages.Find(offsetBytes / PageBytes);
        var left = PageBytes - (offsetBytes % PageBytes);
        if (page is not null)
        {
            return new DiskExtent(page.Length == 0, IsOwn: true, left);
        }

        left = (_pages.CountMissing(offsetBytes / PageBytes) * PageBytes) - (offsetBytes % PageBytes);
        if (offsetBytes >= _base.SizeBytes)
        {
            return new DiskExtent(IsZero: true, IsOwn: false, left);
        }

        var below = _base is IExtentSource source
            ? await source.FindExtentAsync(offsetBytes, cancellationToken).ConfigureAwait(false)
            : new DiskExtent(IsZero: false, IsOwn: false, left);
        return below with { IsOwn = false, LengthBytes = Math.Min(Math.Min(left, below.LengthBytes), _base.SizeBytes - offsetBytes) };
    }

    private async ValueTask ZeroInPageAsync(long offset, long end, CancellationToken cancellationToken)
    {
        if (offset < end)
        {
            var page = await GetOwnPageAsync(offset / PageBytes, isWhole: false, cancellationToken).ConfigureAwait(false);
            page.AsSpan((int)(offset % PageBytes), (int)(end - offset)).Clear();
        }
    }

    private async ValueTask<byte[]> GetOwnPageAsync(long number, bool isWhole, CancellationToken cancellationToken)
    {
        var pages = _pages;
        var found = pages.Find(number);
        if (found is { Length: > 0 })
        {
            return found;
        }

        var page = new byte[PageBytes];
        if (found is null && !isWhole)
        {
            await ReadBaseAsync(number * PageBytes, [page], PageBytes, cancellationToken).ConfigureAwait(false);
        }

        var published = pages.Publish(number, page, found);
        return published.Length > 0 ? published : pages.Publish(number, page, published);
    }

    private async ValueTask ReadBaseAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, long lengthBytes, CancellationToken cancellationToken)
    {
        var inBase = Math.Clamp(_base.SizeBytes - offsetBytes, 0, lengthBytes);
        if (inBase > 0)
        {
            await _base.ReadAsync(offsetBytes, Buffers.Slice(buffers, 0, inBase), cancellationToken).ConfigureAwait(false);
        }

        if (inBase < lengthBytes)
        {
            Buffers.Clear(Buffers.Slice(buffers, inBase, lengthBytes - inBase));
        }
    }

    string ISnapshotBackend.BaseStamp => (_base as ISnapshotBackend)?.BaseStamp ?? "";

    IEnumerable<BlockRun> ISnapshotBackend.EnumerateOwn() => PageReplacement.Enumerate(_pages, SizeBytes);

    IBlockReplacement ISnapshotBackend.BeginReplace(long sizeBytes) => new PageReplacement(sizeBytes, pages =>
    {
        _pages = pages;
        Volatile.Write(ref _sizeBytes, sizeBytes);
    });
}
