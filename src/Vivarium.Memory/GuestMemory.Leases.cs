namespace Vivarium.Memory;

/// <content>Guest memory lent to the host's input and output, without a copy.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Whether all bytes of a range are RAM, or ROM if they are only read. An empty range is.</summary>
    /// <param name="gpa">The first byte.</param>
    /// <param name="sizeBytes">How many; a range that runs beyond 2^64 is no memory.</param>
    /// <param name="writable">Whether all must be writable.</param>
    public bool Contains(ulong gpa, ulong sizeBytes, bool writable) => Covers(gpa, sizeBytes, writable);

    /// <summary>
    /// Appends guest memory to <paramref name="parts"/> for reading by a device: the bytes themselves, not a copy, in as few parts as host
    /// memory allows. They hold until content is replaced whole, and a guest that writes meanwhile is seen or not. Any thread.
    /// </summary>
    /// <returns>False, with nothing appended, if any byte is not RAM or ROM.</returns>
    public bool TryLeaseForReading(ulong gpa, int sizeBytes, ICollection<ReadOnlyMemory<byte>> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentOutOfRangeException.ThrowIfNegative(sizeBytes);
        if (!Covers(gpa, (ulong)sizeBytes, writable: false))
        {
            return false;
        }

        while (sizeBytes > 0)
        {
            var part = NextPart(ref gpa, ref sizeBytes, writable: false);
            parts.Add(part);
        }

        return true;
    }

    /// <summary>
    /// Appends guest memory to <paramref name="parts"/> for writing by a device, as <see cref="TryLeaseForReading"/> does for reading. Shared
    /// pages are copied first, which may wait for vCPUs. When the device has written, or may have, it must call <see cref="EndWrite"/>. Any thread.
    /// </summary>
    /// <returns>False, with nothing appended, if any byte is not writable RAM.</returns>
    public bool TryLeaseForWriting(ulong gpa, int sizeBytes, ICollection<Memory<byte>> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentOutOfRangeException.ThrowIfNegative(sizeBytes);
        if (!Covers(gpa, (ulong)sizeBytes, writable: true))
        {
            return false;
        }

        while (sizeBytes > 0)
        {
            var part = NextPart(ref gpa, ref sizeBytes, writable: true);
            parts.Add(part);
        }

        return true;
    }

    /// <summary>
    /// Ends a write through <see cref="TryLeaseForWriting"/>: the pages count as dirty, and code translated from them is stale. What is not
    /// RAM is passed over. Any thread.
    /// </summary>
    public void EndWrite(ulong gpa, ulong sizeBytes)
    {
        if (sizeBytes == 0)
        {
            return;
        }

        var last = (gpa + sizeBytes - 1) & ~PageMask;
        for (var address = gpa & ~PageMask; address <= last; address += PageSize)
        {
            if (FindRegion(address) is { IsRom: false } region)
            {
                CompleteWrite(region, region.PageOf(address));
            }
        }
    }

    /// <summary>The longest run from <paramref name="gpa"/> on that is in one piece of host memory; moves beyond it.</summary>
    private Memory<byte> NextPart(ref ulong gpa, ref int sizeBytes, bool writable)
    {
        var region = FindRegion(gpa)!;
        var first = region.PageOf(gpa);
        var offset = (int)(gpa & PageMask);
        var store = StoreOf(region, first, writable);
        var length = Math.Min(sizeBytes, PageSize - offset);
        var page = first;
        while (length < sizeBytes && page + 1 < region.PageCount && !PageStore.EndsPiece(page) && ReferenceEquals(StoreOf(region, page + 1, writable), store))
        {
            page++;
            length = Math.Min(sizeBytes, length + PageSize);
        }

        gpa += (ulong)length;
        sizeBytes -= length;
        return store.Slice(first, offset, length);
    }

    private PageStore StoreOf(MemoryRegion region, nuint page, bool writable)
    {
        if (writable)
        {
            WritePage(region, page);
            return region.Top;
        }

        var store = region.Top;
        return store.Parent is null ? store : store.FindStore(page) ?? store;
    }
}
