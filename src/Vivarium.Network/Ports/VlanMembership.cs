namespace Vivarium.Network;

/// <summary>Which VLANs a port belongs to (IEEE 802.1Q), 1 to 4094.</summary>
public sealed class VlanMembership
{
    private readonly ulong[] _tagged = new ulong[4096 / 64];

    private VlanMembership(ushort untagged)
    {
        UntaggedVlan = untagged;
    }

    /// <summary>The VLAN of frames without a tag, in both directions; 0 if they are dropped.</summary>
    public ushort UntaggedVlan { get; }

    /// <summary>One VLAN, without tags: what a guest that knows nothing of VLANs needs. A tagged frame is dropped.</summary>
    public static VlanMembership Access(int vlan = 1) => new(Check(vlan));

    /// <summary>Several VLANs, with tags.</summary>
    /// <param name="vlans">Those that go with a tag.</param>
    /// <param name="native">The one that goes without; 0 for none.</param>
    public static VlanMembership Trunk(IEnumerable<int> vlans, int native = 0)
    {
        ArgumentNullException.ThrowIfNull(vlans);
        var membership = new VlanMembership(native == 0 ? (ushort)0 : Check(native));
        foreach (var vlan in vlans)
        {
            membership._tagged[Check(vlan) / 64] |= 1UL << (vlan % 64);
        }

        return membership;
    }

    /// <summary>Whether frames of a VLAN carry a tag here.</summary>
    internal bool IsTagged(ushort vlan) => vlan != UntaggedVlan && ((_tagged[vlan / 64] >> (vlan % 64)) & 1) != 0;

    /// <summary>Whether the port belongs to a VLAN.</summary>
    internal bool Contains(ushort vlan) => vlan == UntaggedVlan || IsTagged(vlan);

    private static ushort Check(int vlan)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vlan, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vlan, 4094);
        return (ushort)vlan;
    }
}
