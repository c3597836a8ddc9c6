namespace Vivarium.Memory;

/// <content>Pages given back to the host.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>The most pages between two looks at whether a page is shared, so that one call to the host gives many back.</summary>
    private const uint DiscardPages = 1 << 14;

    /// <summary>
    /// Gives whole pages back to the host, as a balloon does; they read as zero and count as written, and code translated from them is stale.
    /// Pages of the range that are not RAM are skipped. Any thread; a guest that writes such a page meanwhile keeps what it wrote or reads zero.
    /// </summary>
    /// <returns>How many bytes of RAM the range has in whole pages.</returns>
    public ulong Discard(ulong gpa, ulong sizeBytes)
    {
        if (gpa >= AddressLimit)
        {
            return 0;
        }

        var first = (gpa + PageMask) & ~PageMask;
        var end = (gpa + Math.Min(sizeBytes, AddressLimit - gpa)) & ~PageMask;
        var discarded = 0UL;
        foreach (var region in _regions)
        {
            var address = Math.Max(first, region.Gpa);
            var regionEnd = Math.Min(end, region.Gpa + region.SizeBytes);
            while (address < regionEnd && !region.IsRom)
            {
                var count = (nuint)Math.Min((regionEnd - address) / PageSize, DiscardPages);
                Discard(region, region.PageOf(address), count);
                address += count * PageSize;
                discarded += count * PageSize;
            }
        }

        return discarded;
    }

    private void Discard(MemoryRegion region, nuint first, nuint count)
    {
        TakeAsZero(region, first, count);
        region.Top.Discard(first, count);
        for (var page = first; page < first + count; page++)
        {
            CompleteWrite(region, page);
        }
    }

    /// <summary>Makes pages our own and writable. Shared ones become zero without a copy, and all pointers to them are taken back at once.</summary>
    private void TakeAsZero(MemoryRegion region, nuint first, nuint count)
    {
        if (region.Top.Parent is null)
        {
            for (var page = first; page < first + count; page++)
            {
                PageState.Set(ref region.Top.States[page], PageState.Own | PageState.Writable);
            }

            return;
        }

        var self = Revocation.LeaveCurrent();
        lock (_layerGate)
        {
            // A page that is not our own was never written in the top store, so it is zero there.
            var store = region.Top;
            var wasRead = false;
            for (var page = first; page < first + count; page++)
            {
                wasRead |= (PageState.Set(ref store.States[page], PageState.Own) & (PageState.Own | PageState.SharedRead)) == PageState.SharedRead;
            }

            if (wasRead)
            {
                Revocation.Revoke(null);
            }

            for (var page = first; page < first + count; page++)
            {
                PageState.Set(ref store.States[page], PageState.Writable);
            }
        }

        self?.Enter();
    }
}
