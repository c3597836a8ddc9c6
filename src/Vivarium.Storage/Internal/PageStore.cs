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

    /// <summary>Stands for a segment of pages of zeros. Never written.</summary>
    private static readonly byte[]?[] s_zeroSegment = Enumerable.Repeat<byte[]?>(Zero, PagesPerSegment).ToArray();

    private readonly ConcurrentDictionary<long, byte[]?[]> _segments = new();
    private long _count;

    /// <summary>Stands for a page of zeros that nobody has written. Never written itself.</summary>
    public static byte[] Zero => Array.Empty<byte>();

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
            return (long.MaxValue / PageBytes) - page;
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
        if (marker is not null || _segments.ContainsKey(page >> SegmentShift))
        {
            Account(Interlocked.Exchange(ref Slot(page), marker), marker);
        }
    }

    /// <summary>Puts <see cref="Zero"/> in the place of all pages of a range, whole segments at once: a terabyte takes some megabytes.</summary>
    public void ReplaceWithZeros(long first, long end)
    {
        while (first < end)
        {
            if ((first & (PagesPerSegment - 1)) != 0 || end - first < PagesPerSegment)
            {
                Replace(first++, Zero);
                continue;
            }

            var before = Array.Empty<byte[]?>();
            _segments.AddOrUpdate(first >> SegmentShift, s_zeroSegment, (_, old) =>
            {
                before = old;
                return s_zeroSegment;
            });
            foreach (var page in before)
            {
                Account(page, Zero);
            }

            first += PagesPerSegment;
        }
    }

    /// <summary>The pages of a range that are there, <see cref="Zero"/> among them, in no order. Costs what is there or the range, whichever is less.</summary>
    public IEnumerable<(long Page, byte[] Bytes)> Enumerate(long first, long end)
    {
        var (firstSegment, endSegment) = (first >> SegmentShift, (end + PagesPerSegment - 1) >> SegmentShift);
        var segments = endSegment - firstSegment <= _segments.Count
            ? SegmentsBetween(firstSegment, endSegment)
            : _segments.Where(segment => segment.Key >= firstSegment && segment.Key < endSegment);
        foreach (var (index, segment) in segments)
        {
            for (var i = 0; i < segment.Length; i++)
            {
                var page = (index << SegmentShift) + i;
                if (page >= first && page < end && Volatile.Read(ref segment[i]) is { } bytes)
                {
                    yield return (page, bytes);
                }
            }
        }
    }

    /// <summary>Runs of neighbouring pages of one kind by rising number, none beyond a segment. No page may change meanwhile.</summary>
    public IEnumerable<(long First, long Count, bool IsZero)> EnumerateRuns()
    {
        foreach (var (index, segment) in _segments.OrderBy(each => each.Key))
        {
            for (var i = 0; i < PagesPerSegment;)
            {
                var start = i++;
                var isZero = segment[start] is { Length: 0 };
                while (i < PagesPerSegment && (segment[start] is null) == (segment[i] is null) && isZero == segment[i] is { Length: 0 })
                {
                    i++;
                }

                if (segment[start] is not null)
                {
                    yield return ((index << SegmentShift) + start, i - start, isZero);
                }
            }
        }
    }

    private IEnumerable<KeyValuePair<long, byte[]?[]>> SegmentsBetween(long first, long end)
    {
        for (; first < end; first++)
        {
            if (_segments.TryGetValue(first, out var segment))
            {
                yield return KeyValuePair.Create(first, segment);
            }
        }
    }

    /// <summary>A page's place, in a segment of the store's own.</summary>
    private ref byte[]? Slot(long page)
    {
        var index = page >> SegmentShift;
        var segment = _segments.GetOrAdd(index, static _ => new byte[]?[PagesPerSegment]);
        while (segment == s_zeroSegment)
        {
            _segments.TryUpdate(index, [.. s_zeroSegment], s_zeroSegment);
            segment = _segments[index];
        }

        return ref segment[page & (PagesPerSegment - 1)];
    }

    private void Account(byte[]? before, byte[]? after) =>
        Interlocked.Add(ref _count, (after is { Length: > 0 } ? 1 : 0) - (before is { Length: > 0 } ? 1 : 0));
}
