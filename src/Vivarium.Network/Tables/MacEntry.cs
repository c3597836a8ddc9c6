namespace Vivarium.Network;

/// <summary>Where an address was last seen. Ports remember entries, so a dead one says so itself.</summary>
internal sealed class MacEntry(ulong key, SwitchPort port, bool isStatic)
{
    private volatile SwitchPort? _port = port;
    private long _lastSeenNs;

    /// <summary>VLAN in bits 48 to 59, and the address as it lies in memory, read little-endian.</summary>
    public ulong Key { get; } = key;

    /// <summary>Whether it neither ages nor moves.</summary>
    public bool IsStatic { get; } = isStatic;

    /// <summary>The port behind which the address is; null when the entry has been removed.</summary>
    public SwitchPort? Port
    {
        get => _port;
        set => _port = value;
    }

    /// <summary>When a frame last came from the address.</summary>
    public long LastSeenNs
    {
        get => Volatile.Read(ref _lastSeenNs);
        set => Volatile.Write(ref _lastSeenNs, value);
    }
}
