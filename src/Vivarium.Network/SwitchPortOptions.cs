namespace Vivarium.Network;

/// <summary>What a port is when it is added.</summary>
public sealed record SwitchPortOptions
{
    /// <summary>Its name in statistics and captures; null for one by number.</summary>
    public string? Name { get; init; }

    /// <summary>The VLANs it belongs to. Default: VLAN 1 without tags.</summary>
    public VlanMembership Vlans { get; init; } = VlanMembership.Access();

    /// <summary>The longest IP packet that the link carries, 576 to 65,535 bytes; Ethernet headers come on top. Default 1,500.</summary>
    public int MtuBytes { get; init; } = 1_500;

    /// <summary>If set, frames from any other address are dropped, and no other port can take this address over.</summary>
    public MacAddress? LockedAddress { get; init; }

    /// <summary>Addresses learned behind it at most, 1 to 65,536; frames to others behind it are flooded. Default 256.</summary>
    public int MaxMacAddresses { get; init; } = 256;

    /// <summary>Multicast groups it can be in at most, 1 to 65,536. Default 256.</summary>
    public int MaxMulticastGroups { get; init; } = 256;

    /// <summary>Ports of the same group other than 0 do not reach each other. Default 0.</summary>
    public int IsolationGroup { get; init; }

    /// <summary>Broadcast, multicast and unknown unicast frames a second that it may send; 0 for no limit. Default 10,000.</summary>
    public int StormLimit { get; init; } = 10_000;

    /// <summary>Whether every multicast frame goes here, group messages included.</summary>
    public bool IsMulticastRouter { get; init; }

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Vlans);
        ArgumentOutOfRangeException.ThrowIfLessThan(MtuBytes, 576);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MtuBytes, 65_535);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxMacAddresses, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxMacAddresses, 65_536);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxMulticastGroups, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxMulticastGroups, 65_536);
        ArgumentOutOfRangeException.ThrowIfNegative(StormLimit);
        if (LockedAddress is { IsMulticast: true })
        {
            throw new ArgumentException($"{LockedAddress} is a group's address; a port can be locked to a single station's only.");
        }
    }
}
