namespace Vivarium.Memory;

/// <summary>
/// One layer of one region: host pages with a state byte each, both costing nothing until touched, over an optional sealed layer.
/// The top store of a running memory is written; a store below others never changes again. Counted references, as templates and forks
/// share stores and may be disposed in any order.
/// </summary>
internal sealed unsafe class PageStore
{
    /// <summary>How many pages one <see cref="HostBytes"/> holds: 1 GiB.</summary>
    private const int PagesPerPiece = 1 << 18;

    private readonly HostMapping _pageMapping;
    private readonly HostMapping _stateMapping;
    private readonly HostBytes?[] _pieces;
    private int _references = 1;

    /// <summary>Reserves an empty layer and takes a reference on <paramref name="parent"/>.</summary>
    public PageStore(nuint pageCount, PageStore? parent)
    {
        PageCount = pageCount;
        Parent = parent;
        _pageMapping = new HostMapping(pageCount * GuestMemory.PageSize);
        _stateMapping = new HostMapping(pageCount);
        _pieces = new HostBytes?[(pageCount + PagesPerPiece - 1) / PagesPerPiece];
        Pages = _pageMapping.Address;
        States = _stateMapping.Address;
        parent?.AddReference();
    }

    public nuint PageCount { get; }

    public PageStore? Parent { get; }

    public byte* Pages { get; }

    public byte* States { get; }

    public byte* PageAt(nuint page) => Pages + (page * GuestMemory.PageSize);

    /// <summary>Whether two neighbouring pages are in different pieces, so that no <see cref="Memory{T}"/> holds both.</summary>
    public static bool EndsPiece(nuint page) => (page + 1) % PagesPerPiece == 0;

    /// <summary>Bytes from <paramref name="offset"/> in <paramref name="page"/> on; they must not leave its piece (<see cref="EndsPiece"/>).</summary>
    public Memory<byte> Slice(nuint page, int offset, int sizeBytes)
    {
        var index = page / PagesPerPiece;
        var piece = Volatile.Read(ref _pieces[index]);
        if (piece is null)
        {
            var first = index * PagesPerPiece;
            var count = nuint.Min(PagesPerPiece, PageCount - first);
            piece = new HostBytes(PageAt(first), (int)(count * GuestMemory.PageSize), _pageMapping);
            Volatile.Write(ref _pieces[index], piece);
        }

        return piece.Memory.Slice(((int)(page % PagesPerPiece) * GuestMemory.PageSize) + offset, sizeBytes);
    }

    /// <summary>The layer, this or the nearest below, that has the page's content; null if it was never written.</summary>
    public PageStore? FindStore(nuint page)
    {
        for (var store = this; store is not null; store = store.Parent)
        {
            if ((Volatile.Read(ref store.States[page]) & PageState.Own) != 0)
            {
                return store;
            }
        }

        return null;
    }

    /// <summary>The page's content in this layer or the nearest below that has it; null if it was never written.</summary>
    public byte* Find(nuint page)
    {
        var store = FindStore(page);
        return store is null ? null : store.PageAt(page);
    }

    /// <summary>The first page from <paramref name="page"/> on whose state has one of <paramref name="bits"/>; <see cref="PageCount"/> if none.</summary>
    public nuint NextWith(byte bits, nuint page)
    {
        var mask = 0x0101010101010101UL * bits;
        while (page < PageCount)
        {
            if (page % sizeof(ulong) == 0 && page + sizeof(ulong) <= PageCount && (*(ulong*)(States + page) & mask) == 0)
            {
                page += sizeof(ulong);
            }
            else if ((States[page] & bits) != 0)
            {
                return page;
            }
            else
            {
                page++;
            }
        }

        return PageCount;
    }

    /// <summary>Gives the pages' physical memory back; they read as zero and hide the layers below.</summary>
    public void Discard(nuint page, nuint count) => _pageMapping.Discard(page * GuestMemory.PageSize, count * GuestMemory.PageSize);

    /// <summary>Asks the host for the pages' memory in one call, as they will be written.</summary>
    public void Populate(nuint page, nuint count) => _pageMapping.Populate(page * GuestMemory.PageSize, count * GuestMemory.PageSize);

    /// <summary>
    /// Makes all pages zero where they are, whatever layers below hold, and gives their physical memory back. For the top store of a memory, which is
    /// that memory's alone; no vCPU may hold a pointer. Who writes meanwhile keeps what was written, or reads zero.
    /// </summary>
    public void Clear()
    {
        Discard(0, PageCount);
        _stateMapping.Discard(0, PageCount);
        for (var store = Parent; store is not null; store = store.Parent)
        {
            for (nuint page = 0; (page = store.NextWith(PageState.Own, page)) < PageCount; page++)
            {
                PageState.Set(ref States[page], PageState.Own | PageState.Writable);
            }
        }
    }

    public PageStore AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    public void Release()
    {
        for (var store = this; store is not null && Interlocked.Decrement(ref store._references) == 0; store = store.Parent)
        {
            store._pageMapping.Dispose();
            store._stateMapping.Dispose();
        }
    }
}
