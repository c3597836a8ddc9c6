namespace Vivarium.X86;

/// <summary>Which access has which entry of the site TLB, in all vCPUs alike. Under the cache's gate.</summary>
internal sealed class SiteTable
{
    /// <summary>The entry of an access that meets too many pages, or that came too late.</summary>
    public const int None = -1;

    private readonly Dictionary<SiteKey, int> _entries = [];
    private readonly List<SiteKey> _keys = [];
    private readonly List<SiteTlb> _tlbs = [];

    /// <summary>A vCPU is going to run code with entries.</summary>
    public void Join(SiteTlb tlb)
    {
        tlb.Open(_keys.Count);
        _tlbs.Add(tlb);
    }

    /// <summary>A vCPU is no more.</summary>
    public void Leave(SiteTlb tlb) => _tlbs.Remove(tlb);

    /// <summary>The entry of an access, or <see cref="None"/>.</summary>
    public int EntryOf(in SiteKey key)
    {
        if (_entries.TryGetValue(key, out var entry))
        {
            return entry;
        }

        if (_keys.Count == SiteTlb.Count)
        {
            return None;
        }

        _entries.Add(key, _keys.Count);
        _keys.Add(key);
        foreach (var tlb in _tlbs)
        {
            tlb.Open(_keys.Count);
        }

        return _keys.Count - 1;
    }

    public int Count => _keys.Count;

    /// <summary>The access that an entry is for.</summary>
    public SiteKey KeyOf(int entry) => _keys[entry];

    /// <summary>The access that has an entry meets too many pages: it is looked up like others when it is translated next.</summary>
    public void GiveUp(int entry) => _entries[_keys[entry]] = None;

    public void Clear()
    {
        _entries.Clear();
        _keys.Clear();
    }
}
