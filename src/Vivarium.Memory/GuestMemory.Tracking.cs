namespace Vivarium.Memory;

/// <content>Dirty pages and pages that hold translated code.</content>
public sealed unsafe partial class GuestMemory
{
    private volatile ICodePageListener[] _codeListeners = [];

    /// <summary>
    /// Marks the page as holding translated code. True if it was not marked before: then revoke write tags before reading its bytes.
    /// False too if it is not memory.
    /// </summary>
    public bool MarkCode(ulong gpa)
    {
        var region = FindRegion(gpa);
        return region is not null && (PageState.Set(ref region.Top.States[region.PageOf(gpa)], PageState.Code) & PageState.Code) == 0;
    }

    /// <summary>Removes the code mark of the page and tells every listener to drop what it translated from it.</summary>
    public void InvalidateCode(ulong gpa)
    {
        if (FindRegion(gpa) is { } region)
        {
            InvalidateCode(region, region.PageOf(gpa));
        }
    }

    /// <summary>Adds a listener for invalidated code pages.</summary>
    public void AddCodeListener(ICodePageListener listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        lock (_layerGate)
        {
            _codeListeners = [.. _codeListeners, listener];
        }
    }

    /// <summary>Removes a listener; unknown ones are ignored.</summary>
    public void RemoveCodeListener(ICodePageListener listener)
    {
        lock (_layerGate)
        {
            _codeListeners = [.. _codeListeners.Where(each => !ReferenceEquals(each, listener))];
        }
    }

    /// <summary>The pages written, or handed out for writing, since the last <see cref="TakeDirty"/>, by rising address.</summary>
    public IEnumerable<ulong> EnumerateDirty() =>
        _regions.SelectMany(region => PagesWith(region, PageState.Dirty).Select(page => region.Gpa + (page * PageSize)));

    /// <summary>
    /// Empties the dirty set into <paramref name="pages"/> and takes all cached write pointers back. A write that is not in the content seen
    /// after this returns marks its page again.
    /// </summary>
    public void TakeDirty(ICollection<ulong> pages)
    {
        ArgumentNullException.ThrowIfNull(pages);
        foreach (var region in _regions)
        {
            foreach (var page in PagesWith(region, PageState.Dirty))
            {
                PageState.Clear(ref region.Top.States[page], PageState.Dirty);
                pages.Add(region.Gpa + (page * PageSize));
            }
        }

        Revocation.Revoke(null);
    }

    private static IEnumerable<nuint> PagesWith(MemoryRegion region, byte bits)
    {
        var store = region.Top;
        for (var page = store.NextWith(bits, 0); page < store.PageCount; page = store.NextWith(bits, page + 1))
        {
            yield return page;
        }
    }

    /// <summary>
    /// After a write that no vCPU made: the page is dirty, and code translated from it, even while it was being written, is stale.
    /// A translator marks the page before it reads it, so it either is seen here or sees the bytes written.
    /// </summary>
    private void CompleteWrite(MemoryRegion region, nuint page)
    {
        ref var state = ref region.Top.States[page];
        Interlocked.MemoryBarrier();
        if ((PageState.Set(ref state, PageState.Dirty) & PageState.Code) != 0)
        {
            InvalidateCode(region, page);
        }
    }

    private void InvalidateCode(MemoryRegion region, nuint page)
    {
        if ((PageState.Clear(ref region.Top.States[page], PageState.Code) & PageState.Code) != 0)
        {
            foreach (var listener in _codeListeners)
            {
                listener.OnCodePageInvalidated(region.Gpa + (page * PageSize));
            }
        }
    }
}
