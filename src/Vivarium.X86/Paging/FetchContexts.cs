namespace Vivarium.X86;

/// <summary>
/// Numbers what instruction fetches are translated by. Whoever remembers where code was found remembers the number with it: under the same
/// number the same address leads to the same code. A process-context identifier gets its number back with its address space (Intel SDM
/// Vol. 3A §4.10.1). Supervisors that run in global pages alone have one number in all address spaces.
/// </summary>
internal sealed class FetchContexts
{
    private const int FilterBits = 1 << 14;
    private readonly Dictionary<ulong, ulong> _byAddressSpace = [];
    private readonly ulong[] _fetched = new ulong[FilterBits / 64];
    private ulong _last = 1;

    private ulong _current = 1;
    private ulong _global;

    /// <summary>A supervisor was fetched from a page of its address space alone.</summary>
    private bool _hasLocalSupervisor;

    /// <summary>The number now, below 2^48.</summary>
    public ulong Of(bool isUser) => isUser || _hasLocalSupervisor ? _current : _global;

    /// <summary>Nothing that was remembered holds any more.</summary>
    public void Renew()
    {
        _byAddressSpace.Clear();
        Array.Clear(_fetched);
        _hasLocalSupervisor = false;
        _global = ++_last;
        _current = ++_last;
    }

    /// <summary>Only what was remembered of global pages still holds.</summary>
    public void RenewLocal()
    {
        _byAddressSpace.Clear();
        _current = ++_last;
    }

    /// <summary>CR3 was loaded with process-context identifiers on; <paramref name="keeps"/> is its bit 63.</summary>
    public void Switch(ulong cr3, bool keeps)
    {
        if (keeps && _byAddressSpace.TryGetValue(cr3, out var number))
        {
            _current = number;
            return;
        }

        // Another root under the same identifier ends what the identifier stood for.
        foreach (var other in _byAddressSpace.Keys)
        {
            if (((other ^ cr3) & 0xFFF) == 0)
            {
                _byAddressSpace.Remove(other);
            }
        }

        _current = ++_last;
        _byAddressSpace[cr3] = _current;
    }

    /// <summary>A page was translated for a fetch.</summary>
    public void Note(ulong linear, int pageShift, bool isUser, bool isGlobal)
    {
        _hasLocalSupervisor |= !isUser && !isGlobal;
        var bit = HashOf(linear, pageShift);
        _fetched[bit >> 6] |= 1UL << bit;
    }

    /// <summary>The translation of a page was dropped: if it may have been fetched through, nothing that was remembered holds.</summary>
    public void Drop(ulong linear)
    {
        if (MayHold(linear, 12) || MayHold(linear, 21) || MayHold(linear, 22) || MayHold(linear, 30))
        {
            Renew();
        }
    }

    private static int HashOf(ulong linear, int pageShift) => (int)((((linear >> pageShift) + (ulong)pageShift) * 0x9E3779B97F4A7C15) >> 50);

    private bool MayHold(ulong linear, int pageShift)
    {
        var bit = HashOf(linear, pageShift);
        return (_fetched[bit >> 6] >> bit & 1) != 0;
    }
}
