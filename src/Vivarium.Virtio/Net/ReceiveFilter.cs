using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>
/// Which frames the driver wants (Virtio 1.2 §5.1.6.5.1 to §5.1.6.5.3). Never changed: the driver's commands make another, and the threads that
/// send look at whichever is there.
/// </summary>
internal sealed record ReceiveFilter
{
    /// <summary>Longer tables count as "all of them".</summary>
    public const int MaximumAddresses = 64;

    public const int VlanBytes = 4096 / 8;
    private const ushort VlanType = 0x8100;
    private const ushort VlanMask = 0xFFF;

    public required MacAddress Own { get; init; }

    public bool Everything { get; init; } = true;

    public bool AllMulticast { get; init; }

    public bool AllUnicast { get; init; }

    public bool NoMulticast { get; init; }

    public bool NoUnicast { get; init; }

    public bool NoBroadcast { get; init; }

    /// <summary>Whether a table of addresses was longer than what is kept.</summary>
    public bool UnicastOverflow { get; init; }

    public bool MulticastOverflow { get; init; }

    public IReadOnlyList<MacAddress> Unicast { get; init; } = [];

    public IReadOnlyList<MacAddress> Multicast { get; init; } = [];

    /// <summary>Which VLANs pass, a bit each; null if the driver does not filter them.</summary>
    public byte[]? Vlans { get; init; }

    /// <summary>Whether a frame is for the guest.</summary>
    public bool Passes(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 14)
        {
            return false;
        }

        if (Vlans is { } vlans && BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == VlanType)
        {
            if (frame.Length < 18)
            {
                return false;
            }

            var vlan = BinaryPrimitives.ReadUInt16BigEndian(frame[14..]) & VlanMask;
            if ((vlans[vlan >> 3] & (1 << (vlan & 7))) == 0 && vlan != 0)
            {
                return false;
            }
        }

        if (Everything)
        {
            return true;
        }

        var target = MacAddress.Read(frame);
        return target == MacAddress.Broadcast ? !NoBroadcast
            : target.IsMulticast ? !NoMulticast && (AllMulticast || MulticastOverflow || Contains(Multicast, target))
            : !NoUnicast && (target == Own || AllUnicast || UnicastOverflow || Contains(Unicast, target));
    }

    public ReceiveFilter WithVlan(int vlan, bool passes)
    {
        var vlans = Vlans is null ? new byte[VlanBytes] : [.. Vlans];
        vlans[vlan >> 3] = (byte)(passes ? vlans[vlan >> 3] | (1 << (vlan & 7)) : vlans[vlan >> 3] & ~(1 << (vlan & 7)));
        return this with { Vlans = vlans };
    }

    private static bool Contains(IReadOnlyList<MacAddress> addresses, MacAddress target)
    {
        for (var i = 0; i < addresses.Count; i++)
        {
            if (addresses[i] == target)
            {
                return true;
            }
        }

        return false;
    }
}
