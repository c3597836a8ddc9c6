using System.Collections.Concurrent;

namespace Vivarium.Memory;

/// <content>Dirty pages and pages that hold translated code.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Which bytes of a page hold code, by the page's address.</summary>
    private readonly ConcurrentDictionary<ulong, CodeBytes> _codeBytes = new();
    private volatile ICodePageListener[] _codeListeners = [];

    /// <summary>
    /// Marks bytes of one page as translated code: when this returns, whatever is written to them is noticed, so read them, or compare what was read
    /// before, only afterwards. The first mark of a page takes cached pointers to it back from all vCPUs. Nothing happens if it is not memory.
    /// </summary>
    /// <param name="gpa">The first byte.</param>
    /// <param name="sizeBytes">How many; they must not run beyond the page.</param>
    /// <param name="self">The participant that the calling thread runs; if null, it is looked for.</param>
    public void MarkCode(ulong gpa, int sizeBytes, RevocationParticipant? self = null)
    {
        var region = FindRegion(gpa);
        if (region is null)
        {
            return;
        }

        CodeBytes bytes;
        do
        {
            bytes = _codeBytes.GetOrAdd(gpa & ~PageMask, static _ => new CodeBytes());
            bytes.Add((int)(gpa & PageMask), sizeBytes);
            PageState.Set(ref region.Top.States[region.PageOf(gpa)], PageState.Code);

            // If an invalidation took the bytes away meanwhile, the mark would be lost with them.
        }
        while (!_codeBytes.TryGetValue(gpa & ~PageMask, out var current) || !ReferenceEquals(current, bytes));

        if (bytes.IsSettled)
        {
            Revocation.WaitForWriters(self);
            return;
        }

        // Also where another vCPU has begun to: its own may not have reached everybody yet.
        Revocation.Revoke(self, (nint)GetReadPage(gpa));
        bytes.IsSettled = true;
    }

    /// <summary>
    /// Whether any of the bytes, which must be on one page, may be translated code: a write to them must be followed by
    /// <see cref="InvalidateCode(ulong)"/>. Other bytes of a page with code are written like data.
    /// </summary>
    public bool HoldsCode(ulong gpa, int sizeBytes) =>
        FindRegion(gpa) is { } region
        && (Volatile.Read(ref region.Top.States[region.PageOf(gpa)]) & PageState.Code) != 0
        && (!_codeBytes.TryGetValue(gpa & ~PageMask, out var bytes) || bytes.Overlaps((int)(gpa & PageMask), sizeBytes));

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
            _codeBytes.TryRemove(region.Gpa + (page * PageSize), out _);
            foreach (var listener in _codeListeners)
            {
                listener.OnCodePageInvalidated(region.Gpa + (page * PageSize));
            }
        }
    }
}
