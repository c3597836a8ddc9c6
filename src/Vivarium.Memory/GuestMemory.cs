namespace Vivarium.Memory;

/// <summary>
/// Guest-physical memory: RAM and ROM regions over host memory that costs nothing until touched, resolved per page of 4 KiB, with dirty and
/// code tracking and copy-on-write layers. Add all regions before the first vCPU runs. Any thread may read and write at any time;
/// members that replace content whole (<see cref="Seal"/>, <see cref="ResetTo"/>, <see cref="Clear"/>, <see cref="Dispose"/>) need the
/// vCPUs paused and no DMA in flight.
/// </summary>
public sealed unsafe partial class GuestMemory : IGuestMemory, IDisposable
{
    /// <summary>Bytes of a page: the unit of mapping, dirty tracking and copy-on-write.</summary>
    public const int PageSize = 4096;

    /// <summary>One past the highest guest-physical address (52 bits, Intel SDM Vol. 3A §4.1.4).</summary>
    public const ulong AddressLimit = 1UL << 52;

    private const ulong PageMask = PageSize - 1;

    /// <summary>Held while a shared page is copied and while content is replaced whole. Never taken by a vCPU that counts as running.</summary>
    private readonly Lock _layerGate = new();

    /// <summary>Sorted by address; replaced as a whole.</summary>
    private volatile MemoryRegion[] _regions = [];

    /// <summary>The same, the largest first: the order in which an address is looked for.</summary>
    private volatile MemoryRegion[] _bySize = [];

    /// <summary>ROM that regions can be covered with.</summary>
    private MemoryRegion[] _covered = [];

    /// <summary>The protocol by which cached page pointers are taken back from vCPUs.</summary>
    public PageRevocation Revocation { get; } = new();

    /// <inheritdoc/>
    public ulong RamSizeBytes => _regions.Where(region => !region.IsRom).Aggregate(0UL, (sum, region) => sum + region.SizeBytes);

    /// <summary>The regions of RAM by rising address.</summary>
    public IReadOnlyList<GuestRange> RamRanges =>
        [.. _regions.Where(region => !region.IsRom).Select(region => new GuestRange(region.Gpa, region.SizeBytes))];

    /// <summary>Adds zeroed RAM, reserved but not committed.</summary>
    /// <param name="gpa">Where it begins; a multiple of <see cref="PageSize"/>.</param>
    /// <param name="sizeBytes">A multiple of <see cref="PageSize"/>, not 0.</param>
    /// <exception cref="ArgumentException">Misaligned, beyond <see cref="AddressLimit"/>, or overlapping another region.</exception>
    /// <exception cref="OutOfMemoryException">The host refused the address space.</exception>
    public void AddRam(ulong gpa, ulong sizeBytes)
    {
        CheckFree(gpa, sizeBytes);
        Add(new MemoryRegion(gpa, sizeBytes, isRom: false, new PageStore((nuint)(sizeBytes / PageSize), null)));
    }

    /// <summary>Adds read-only memory, rounded up to whole pages with 0xFF. Guest writes to it are ignored.</summary>
    /// <param name="gpa">Where it begins; a multiple of <see cref="PageSize"/>.</param>
    /// <param name="image">Its content, not empty.</param>
    /// <exception cref="ArgumentException">Misaligned, empty, beyond <see cref="AddressLimit"/>, or overlapping another region.</exception>
    public void AddRom(ulong gpa, ReadOnlySpan<byte> image)
    {
        var sizeBytes = ((ulong)image.Length + PageMask) & ~PageMask;
        CheckFree(gpa, sizeBytes);
        Add(new MemoryRegion(gpa, sizeBytes, isRom: true, CreateRom(image, sizeBytes)));
    }

    /// <summary>True if the page is ROM: a write is ignored rather than sent to the MMIO bus.</summary>
    public bool IsRom(ulong gpa) => FindRegion(gpa) is { IsRom: true };

    /// <summary>
    /// Host address of the page that holds <paramref name="gpa"/>, for reading until the vCPU's next boundary; null if it is not RAM or ROM.
    /// An operation that reads and writes asks for its pages to write first, as <see cref="GetWritePage"/> may move a shared page.
    /// </summary>
    public byte* GetReadPage(ulong gpa)
    {
        var region = FindRegion(gpa);
        return region is null ? null : ReadPage(region, region.PageOf(gpa));
    }

    /// <summary>
    /// Host address of the page that holds <paramref name="gpa"/>, for writing; null if it is not RAM. The page is un-shared and marked dirty.
    /// <paramref name="cacheable"/> is false while the page holds translated code: write once through <see cref="InvalidateCode(ulong)"/> and ask again.
    /// May revoke the tags of all vCPUs, the caller's own included: what the caller looked up before must be looked up again.
    /// </summary>
    public byte* GetWritePage(ulong gpa, out bool cacheable)
    {
        var region = FindRegion(gpa);
        if (region is null || region.IsRom)
        {
            cacheable = false;
            return null;
        }

        var page = region.PageOf(gpa);
        var address = WritePage(region, page);
        cacheable = (PageState.Set(ref region.Top.States[page], PageState.Dirty) & PageState.Code) == 0;
        return address;
    }

    /// <summary>
    /// As <see cref="GetWritePage"/>, but without any effect: null if the page is not one that is dirty, our own and without code, so that writing
    /// to it would change more than its bytes. For checks.
    /// </summary>
    internal byte* PeekWritePage(ulong gpa)
    {
        const byte wanted = PageState.Dirty | PageState.Writable;
        var region = FindRegion(gpa);
        return region is { IsRom: false } && (Volatile.Read(ref region.Top.States[region.PageOf(gpa)]) & (wanted | PageState.Code)) == wanted ? GetReadPage(gpa) : null;
    }

    /// <summary>Unmaps everything: all addresses read as absent afterwards. No vCPU may run any more.</summary>
    public void Dispose()
    {
        lock (_layerGate)
        {
            _bySize = [];
            ReleaseStores(Interlocked.Exchange(ref _regions, []));
            ReleaseStores(Interlocked.Exchange(ref _covered, []));
        }
    }

    private static PageStore CreateRom(ReadOnlySpan<byte> image, ulong sizeBytes)
    {
        var store = new PageStore((nuint)(sizeBytes / PageSize), null);

        // SAFETY: the store holds sizeBytes bytes and a state byte for each of its pages.
        var content = new Span<byte>(store.Pages, (int)sizeBytes);
        image.CopyTo(content);
        content[image.Length..].Fill(0xFF);
        new Span<byte>(store.States, (int)store.PageCount).Fill(PageState.Own);
        return store;
    }

    private static void ReleaseStores(MemoryRegion[] regions)
    {
        foreach (var region in regions)
        {
            region.Top.Release();
        }
    }

    private static byte* ReadPage(MemoryRegion region, nuint page)
    {
        var store = region.Top;
        if (store.Parent is not null && (store.States[page] & PageState.Own) == 0)
        {
            var shared = store.Parent.Find(page);

            // The mark and the copier's Own bit are in one byte: either the copier sees the mark and revokes, or we see its copy.
            if (shared != null && (PageState.Set(ref store.States[page], PageState.SharedRead) & PageState.Own) == 0)
            {
                return shared;
            }
        }

        return store.PageAt(page);
    }

    /// <summary>The page to write in place, copied from below if it was shared.</summary>
    private byte* WritePage(MemoryRegion region, nuint page)
    {
        while (true)
        {
            var store = region.Top;
            if ((Volatile.Read(ref store.States[page]) & PageState.Writable) != 0)
            {
                return store.PageAt(page);
            }

            if (store.Parent is null || store.Parent.Find(page) == null)
            {
                PageState.Set(ref store.States[page], PageState.Own | PageState.Writable);
            }
            else
            {
                Unshare(region, page);
            }
        }
    }

    /// <summary>
    /// Copies a shared page. Readers see the copy as soon as it is whole; writers wait until no vCPU holds a pointer to the original.
    /// The calling vCPU counts as parked meanwhile, so that others can do the same to it.
    /// </summary>
    private void Unshare(MemoryRegion region, nuint page)
    {
        var self = Revocation.LeaveCurrent();
        lock (_layerGate)
        {
            var store = region.Top;
            if ((store.States[page] & PageState.Own) == 0 && store.Parent is not null)
            {
                var shared = store.Parent.Find(page);
                if (shared != null)
                {
                    // SAFETY: both are whole pages of live stores; nobody writes the new one before Writable is set.
                    Buffer.MemoryCopy(shared, store.PageAt(page), PageSize, PageSize);
                }

                if ((PageState.Set(ref store.States[page], PageState.Own) & PageState.SharedRead) != 0)
                {
                    Revocation.Revoke(null, (nint)shared);
                }

                PageState.Set(ref store.States[page], PageState.Writable);
            }
        }

        self?.Enter();
    }

    private MemoryRegion? FindRegion(ulong gpa)
    {
        // A machine has a handful of regions: a scan beats a search.
        foreach (var region in _bySize)
        {
            if (gpa - region.Gpa < region.SizeBytes)
            {
                return region.Cover ?? region;
            }
        }

        return null;
    }

    private void CheckFree(ulong gpa, ulong sizeBytes)
    {
        if (((gpa | sizeBytes) & PageMask) != 0 || sizeBytes == 0)
        {
            throw new ArgumentException($"A memory region must begin at and span a positive multiple of {PageSize} bytes; got 0x{gpa:X}, size 0x{sizeBytes:X}.");
        }

        if (gpa >= AddressLimit || sizeBytes > AddressLimit - gpa)
        {
            throw new ArgumentException($"A memory region must end below 2^52; got 0x{gpa:X}, size 0x{sizeBytes:X}.");
        }

        foreach (var region in _regions)
        {
            if (gpa < region.Gpa + region.SizeBytes && region.Gpa < gpa + sizeBytes)
            {
                throw new ArgumentException($"The memory region at 0x{gpa:X} overlaps the one at 0x{region.Gpa:X}.");
            }
        }
    }

    private void Add(MemoryRegion region)
    {
        _regions = [.. _regions.Append(region).OrderBy(each => each.Gpa)];
        _bySize = [.. _regions.OrderByDescending(each => each.SizeBytes)];
    }
}
