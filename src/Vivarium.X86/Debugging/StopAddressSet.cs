namespace Vivarium.X86;

/// <summary>Linear addresses at which one processor stops before it executes.</summary>
internal sealed class StopAddressSet
{
    private readonly HashSet<ulong> _addresses = [];
    private readonly HashSet<ulong> _held = [];

    /// <summary>Where blocks of this processor's interpreter end.</summary>
    public StopOffsets Offsets { get; } = new();

    /// <summary>How many there are.</summary>
    public int Count => _addresses.Count;

    public bool Contains(ulong linear) => _addresses.Count != 0 && _addresses.Contains(linear);

    /// <summary>Adds an address. True if its offset was not held before.</summary>
    public bool Add(ulong linear)
    {
        _addresses.Add(linear);
        return _held.Add(linear & 0xFFF) && Offsets.Hold(linear);
    }

    /// <summary>Removes an address; its offset stays held.</summary>
    public bool Remove(ulong linear) => _addresses.Remove(linear);

    /// <summary>Releases the offsets if no address is left, and returns them.</summary>
    public IReadOnlyList<ulong> ReleaseOffsets()
    {
        if (_addresses.Count != 0)
        {
            return [];
        }

        ulong[] released = [.. _held];
        _held.Clear();
        foreach (var offset in released)
        {
            Offsets.Release(offset);
        }

        return released;
    }
}
