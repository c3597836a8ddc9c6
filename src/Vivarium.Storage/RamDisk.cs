namespace Vivarium.Storage;

/// <summary>A disk in the host's memory, taken page by page as it is written. Requests complete before they return; nothing outlives the disk.</summary>
public sealed class RamDisk : ISnapshotBackend, IExtentSource
{
    private PageStore _pages = new();
    private long _sizeBytes;

    /// <summary>Creates a disk of zeros. It costs memory as it is written.</summary>
    public RamDisk(long sizeBytes, int blockSizeBytes = 512)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeBytes);
        if (blockSizeBytes is not (512 or 4096))
        {
            throw new ArgumentOutOfRangeException(nameof(blockSizeBytes), blockSizeBytes, "A disk's sectors have 512 or 4096 bytes.");
        }

        _sizeBytes = sizeBytes;
        BlockSizeBytes = blockSizeBytes;
    }

    /// <inheritdoc/>
    public long SizeBytes => Volatile.Read(ref _sizeBytes);

    /// <inheritdoc/>
    public int BlockSizeBytes { get; }

    /// <inheritdoc/>
    public bool IsReadOnly => false;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => new(CanDiscard: true, CanWriteZeroes: true, CanResize: true, PageStore.PageBytes);

    /// <summary>The memory that the content takes, in bytes.</summary>
    public long AllocatedBytes => _pages.Count * PageStore.PageBytes;

    string ISnapshotBackend.BaseStamp => "";

    /// <inheritdoc/>
    public ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        Guard.Range(offsetBytes, Buffers.Length(buffers), SizeBytes);
        for (var i = 0; i < buffers.Count; i++)
        {
            var target = buffers[i].Span;
            while (target.Length > 0)
            {
                var inPage = (int)(offsetBytes % PageStore.PageBytes);
                var part = target[..Math.Min(target.Length, PageStore.PageBytes - inPage)];
                if (_pages.Find(offsetBytes / PageStore.PageBytes) is { } page)
                {
                    page.AsSpan(inPage, part.Length).CopyTo(part);
                }
                else
                {
                    part.Clear();
                }

                target = target[part.Length..];
                offsetBytes += part.Length;
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        Guard.Range(offsetBytes, Buffers.Length(buffers), SizeBytes);
        for (var i = 0; i < buffers.Count; i++)
        {
            var source = buffers[i].Span;
            while (source.Length > 0)
            {
                var inPage = (int)(offsetBytes % PageStore.PageBytes);
                var part = source[..Math.Min(source.Length, PageStore.PageBytes - inPage)];
                var number = offsetBytes / PageStore.PageBytes;
                var page = _pages.Find(number) ?? _pages.Publish(number, new byte[PageStore.PageBytes], expected: null);
                part.CopyTo(page.AsSpan(inPage));
                source = source[part.Length..];
                offsetBytes += part.Length;
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default) =>
        WriteZeroesAsync(offsetBytes, lengthBytes, mayUnmap: true, cancellationToken);

    /// <inheritdoc/>
    public ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default)
    {
        Guard.Range(offsetBytes, lengthBytes, SizeBytes);
        Clear(offsetBytes, lengthBytes);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default)
    {
        Guard.NewSize(newSizeBytes);
        var old = SizeBytes;
        Volatile.Write(ref _sizeBytes, newSizeBytes);
        if (newSizeBytes < old)
        {
            Clear(newSizeBytes, old - newSizeBytes);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    ValueTask<DiskExtent> IExtentSource.FindExtentAsync(long offsetBytes, CancellationToken cancellationToken)
    {
        var number = offsetBytes / PageStore.PageBytes;
        var page = _pages.Find(number);
        var count = page is null ? _pages.CountMissing(number) : 1;
        return new ValueTask<DiskExtent>(new DiskExtent(page is null, IsOwn: true, (count * PageStore.PageBytes) - (offsetBytes % PageStore.PageBytes)));
    }

    private void Clear(long offsetBytes, long lengthBytes)
    {
        // Only what is there costs time: a terabyte of nothing is cleared at once.
        var end = offsetBytes + lengthBytes;
        foreach (var (number, page) in _pages.Enumerate(offsetBytes / PageStore.PageBytes, (end + PageStore.PageBytes - 1) / PageStore.PageBytes))
        {
            var start = number * PageStore.PageBytes;
            var from = Math.Max(offsetBytes, start);
            var to = Math.Min(end, start + PageStore.PageBytes);
            if (from == start && (to - from == PageStore.PageBytes || to >= SizeBytes))
            {
                _pages.Replace(number, marker: null);
            }
            else if (to > from)
            {
                page.AsSpan((int)(from - start), (int)(to - from)).Clear();
            }
        }
    }

    IEnumerable<BlockRun> ISnapshotBackend.EnumerateOwn() => PageReplacement.Enumerate(_pages, SizeBytes);

    IBlockReplacement ISnapshotBackend.BeginReplace(long sizeBytes) => new PageReplacement(sizeBytes, pages =>
    {
        _pages = pages;
        Volatile.Write(ref _sizeBytes, sizeBytes);
    });
}
