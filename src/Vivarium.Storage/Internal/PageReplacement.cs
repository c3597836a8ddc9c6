namespace Vivarium.Storage;

/// <summary>Pages out of a snapshot, for a disk that keeps its own content in pages.</summary>
internal sealed class PageReplacement(long sizeBytes, Action<PageStore> commit) : IBlockReplacement
{
    private readonly PageStore _pages = new();

    /// <summary>The runs of a store as a snapshot takes them.</summary>
    public static IEnumerable<BlockRun> Enumerate(PageStore pages, long sizeBytes)
    {
        foreach (var (first, count, isZero) in pages.EnumerateRuns())
        {
            var offset = first * PageStore.PageBytes;
            if (offset < sizeBytes)
            {
                yield return new BlockRun(offset, Math.Min(count * PageStore.PageBytes, sizeBytes - offset), isZero);
            }
        }
    }

    public bool TryWrite(long offsetBytes, ReadOnlySpan<byte> content)
    {
        if (!Fits(offsetBytes, content.Length))
        {
            return false;
        }

        for (var done = 0; done < content.Length; done += PageStore.PageBytes)
        {
            var page = new byte[PageStore.PageBytes];
            content[done..Math.Min(content.Length, done + PageStore.PageBytes)].CopyTo(page);
            _pages.Replace((offsetBytes + done) / PageStore.PageBytes, page);
        }

        return true;
    }

    public bool TryWriteZeroes(long offsetBytes, long lengthBytes)
    {
        if (!Fits(offsetBytes, lengthBytes))
        {
            return false;
        }

        _pages.ReplaceWithZeros(offsetBytes / PageStore.PageBytes, (offsetBytes + lengthBytes + PageStore.PageBytes - 1) / PageStore.PageBytes);
        return true;
    }

    public void Commit() => commit(_pages);

    private bool Fits(long offsetBytes, long lengthBytes) =>
        offsetBytes >= 0 && lengthBytes > 0 && lengthBytes <= sizeBytes - Math.Min(offsetBytes, sizeBytes) && offsetBytes % PageStore.PageBytes == 0
        && (lengthBytes % PageStore.PageBytes == 0 || offsetBytes + lengthBytes == sizeBytes);
}

/// <summary>For a disk whose content is not in a snapshot: there is nothing to take over.</summary>
internal sealed class NoReplacement : IBlockReplacement
{
    public bool TryWrite(long offsetBytes, ReadOnlySpan<byte> content) => false;

    public bool TryWriteZeroes(long offsetBytes, long lengthBytes) => false;

    public void Commit()
    {
    }
}
