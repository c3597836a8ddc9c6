using System.Collections.Concurrent;

namespace Vivarium.Storage;

/// <summary>
/// Pages of a disk in memory, taken at their first write. Any thread. A page that was handed out stays what it is until it is removed:
/// two writers of one page write into the same array.
/// </summary>
internal sealed class PageStore
{
    public const int PageBytes = 4096;
    private const int PagesPerSegment = 512;
    private const int SegmentShift = 9;

    private readonly ConcurrentDictionary<long, byte[]?[]> _segments = new();
    private long _count;

    /// <summary>Stands for a page of zeros that nobody has written. Never written itself.</summary>
    public static byte[] Zero { get; } = [];

    /// <summary>Pages with storage of their own.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>The page's bytes, <see cref="Zero"/>, or null where there is none.</summary>
    public byte[]? Find(long page) =>
        _segments.TryGetValue(page >> SegmentShift, out var segment) ? Volatile.Read(ref segment[page & (PagesPerSegment - 1)]) : null;

    /// <summary>How many pages from here on are surely not there, looking at whole segments only; 1 where the page's segment exists.</summary>
    public long CountMissing(long page)
    {
        if (_segments.IsEmpty)
        {
            return long.MaxValue / PageBytes - page;
        }

        var end = page >> SegmentShift;
        while (!_segments.ContainsKey(end) && end - (page >> SegmentShift) < PagesPerSegment)
        {
            end++;
        }

        return Math.Max(1, (end << SegmentShift) - page);
    }

    /// <summary>Puts a page in the place of <paramref name="expected"/>; returns the one that is there then.</summary>
    public byte[] Publish(long page, byte[] bytes, byte[]? expected)
    {
        ref var slot = ref Slot(page);
        var seen = Interlocked.CompareExchange(ref slot, bytes, expected);
        if (ReferenceEquals(seen, expected))
        {
            Account(seen, bytes);
            return bytes;
        }

        return seen ?? bytes;
    }

    /// <summary>Puts <see cref="Zero"/> or nothing in a page's place.</summary>
    public void Replace(long page, byte[]? marker)
    {
        if (marker is null && !_segments.ContainsKey(page >> SegmentShift))
        {
            return;
        }

        Account(Interlocked.Exchange(ref Slot(page), marker), marker);
    }

    /// <summary>All pages that are there, <see cref="Zero"/> among them, in no order.</summary>
    public IEnumerable<(long Page, byte[] Bytes)> Enumerate()
    {
        foreach (var (index, segment) in _segments)
        {
            for (var i = 0; i < segment.Length; i++)
            {
                if (Volatile.Read(ref segment[i]) is { } bytes)
                {
                    yield return ((index << SegmentShift) + i, bytes);
                }
            }
        }
    }

    private ref byte[]? Slot(long page) =>
        ref _segments.GetOrAdd(page >> SegmentShift, static _ => new byte[]?[PagesPerSegment])[page & (PagesPerSegment - 1)];

    private void Account(byte[]? before, byte[]? after) =>
        Interlocked.Add(ref _count, (after is { Length: > 0 } ? 1 : 0) - (before is { Length: > 0 } ? 1 : 0));
}
