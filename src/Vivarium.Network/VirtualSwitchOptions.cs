namespace Vivarium.Network;

/// <summary>What a switch is.</summary>
public sealed record VirtualSwitchOptions
{
    /// <summary>Its name in statistics.</summary>
    public string Name { get; init; } = "switch";

    /// <summary>After how long without a frame an address is forgotten. Default 5 minutes, as in IEEE 802.1Q.</summary>
    public TimeSpan AddressAgeing { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether multicast goes only to ports that joined its group. Default yes.</summary>
    public bool MulticastSnooping { get; init; } = true;

    /// <summary>After how long without a report a member is forgotten, where somebody asks for reports. Default 260 s (RFC 2236 §8.4).</summary>
    public TimeSpan MulticastAgeing { get; init; } = TimeSpan.FromSeconds(260);

    /// <summary>Scatters addresses in tables. Guests must not know it, else they can choose addresses that collide; null for one from the system.</summary>
    public ulong? HashKey { get; init; }
}
