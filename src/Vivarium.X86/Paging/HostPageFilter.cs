namespace Vivarium.X86;

/// <summary>Which pages of the host's are surely not among some: a bit for each hash of an address.</summary>
internal sealed class HostPageFilter
{
    private const int Bits = 16;
    private readonly ulong[] _bits = new ulong[1 << (Bits - 6)];

    public void Add(nint page)
    {
        var hash = HashOf(page);
        _bits[hash >> 6] |= 1UL << hash;
    }

    /// <summary>False if the page was not added since all were forgotten.</summary>
    public bool MayHold(nint page)
    {
        var hash = HashOf(page);
        return (_bits[hash >> 6] >> hash & 1) != 0;
    }

    /// <summary>Forgets all.</summary>
    public void Clear() => Array.Clear(_bits);

    private static int HashOf(nint page) => (int)(((ulong)page >> 12) * 0x9E3779B97F4A7C15 >> (64 - Bits));
}
