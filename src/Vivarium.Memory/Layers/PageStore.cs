namespace Vivarium.Memory;

/// <summary>
/// One layer of one region: host pages with a state byte each, both costing nothing until touched, over an optional sealed layer.
/// The top store of a running memory is written; a store below others never changes again. Counted references, as templates and forks
/// share stores and may be disposed in any order.
/// </summary>
internal sealed unsafe class PageStore
{
    private readonly HostMapping _pageMapping;
    private readonly HostMapping _stateMapping;
    private int _references = 1;

    /// <summary>Reserves an empty layer and takes a reference on <paramref name="parent"/>.</summary>
    public PageStore(nuint pageCount, PageStore? parent)
    {
        PageCount = pageCount;
        Parent = parent;
        _pageMapping = new HostMapping(pageCount * GuestMemory.PageSize);
        _stateMapping = new HostMapping(pageCount);
        Pages = _pageMapping.Address;
        States = _stateMapping.Address;
        parent?.AddReference();
    }

    public nuint PageCount { get; }

    public PageStore? Parent { get; }

    public byte* Pages { get; }

    public byte* States { get; }

    public byte* PageAt(nuint page) => Pages + (page * GuestMemory.PageSize);

    /// <summary>The page's content in this layer or the nearest below that has it; null if it was never written.</summary>
    public byte* Find(nuint page)
    {
        for (var store = this; store is not null; store = store.Parent)
        {
            if ((Volatile.Read(ref store.States[page]) & PageState.Own) != 0)
            {
                return store.PageAt(page);
            }
        }

        return null;
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

    /// <summary>Gives a page's physical memory back; it reads as zero and hides the layers below.</summary>
    public void Discard(nuint page) => _pageMapping.Discard(page * GuestMemory.PageSize, GuestMemory.PageSize);

    /// <summary>Asks the host for the pages' memory in one call, as they will be written.</summary>
    public void Populate(nuint page, nuint count) => _pageMapping.Populate(page * GuestMemory.PageSize, count * GuestMemory.PageSize);

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
