using System.Buffers.Binary;

namespace Vivarium.Network;

/// <summary>Where the headers of a frame are. All offsets lie within the frame, and no length it states goes beyond it.</summary>
internal readonly record struct PacketLayout
{
    public const ushort Ipv4 = 0x0800;
    public const ushort Arp = 0x0806;
    public const ushort Vlan = 0x8100;
    public const ushort Ipv6 = 0x86DD;
    public const byte Icmp = 1;
    public const byte Igmp = 2;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Fragment = 44;
    public const byte IcmpV6 = 58;
    private const byte HopByHop = 0;
    private const byte Routing = 43;
    private const byte DestinationOptions = 60;
    private const int MostExtensionHeaders = 8;

    /// <summary>Ethernet type of the packet, behind a VLAN tag if there is one.</summary>
    public ushort EtherType { get; private init; }

    /// <summary>Start of the IP header, from the frame's.</summary>
    public int Network { get; private init; }

    /// <summary>Start of what IP carries; for a fragment, of its piece.</summary>
    public int Transport { get; private init; }

    /// <summary>End of the IP packet: the frame may be longer by padding.</summary>
    public int End { get; private init; }

    /// <summary>What IP carries.</summary>
    public byte Protocol { get; private init; }

    /// <summary>Whether it is a piece of a packet.</summary>
    public bool IsFragment { get; private init; }

    /// <summary>Byte offset of a piece in its packet.</summary>
    public int FragmentOffset { get; private init; }

    /// <summary>Whether a piece has others behind it.</summary>
    public bool MoreFragments { get; private init; }

    /// <summary>What the pieces of a packet have in common.</summary>
    public uint FragmentId { get; private init; }

    /// <summary>Whether there is a hop-by-hop header with a router alert, as MLD has (RFC 2711).</summary>
    public bool HasHopByHop { get; private init; }

    /// <summary>Finds the IP packet in a frame. False if there is none, or if it is malformed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> frame, out PacketLayout layout)
    {
        layout = default;
        if (frame.Length < 14)
        {
            return false;
        }

        var start = 14;
        var type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        if (type == Vlan)
        {
            if (frame.Length < 18)
            {
                return false;
            }

            type = BinaryPrimitives.ReadUInt16BigEndian(frame[16..]);
            start = 18;
        }

        return type switch
        {
            Ipv4 => TryParse4(frame, start, out layout),
            Ipv6 => TryParse6(frame, start, out layout),
            _ => false,
        };
    }

    private static bool TryParse4(ReadOnlySpan<byte> frame, int start, out PacketLayout layout)
    {
        layout = default;
        var ip = frame[start..];
        if (ip.Length < 20 || ip[0] >> 4 != 4)
        {
            return false;
        }

        var headerBytes = (ip[0] & 0xF) * 4;
        var totalBytes = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        if (headerBytes < 20 || totalBytes < headerBytes || totalBytes > ip.Length)
        {
            return false;
        }

        var fragment = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        layout = new PacketLayout
        {
            EtherType = Ipv4,
            Network = start,
            Transport = start + headerBytes,
            End = start + totalBytes,
            Protocol = ip[9],
            IsFragment = (fragment & 0x3FFF) != 0,
            FragmentOffset = (fragment & 0x1FFF) * 8,
            MoreFragments = (fragment & 0x2000) != 0,
            FragmentId = BinaryPrimitives.ReadUInt16BigEndian(ip[4..]),
        };
        return true;
    }

    private static bool TryParse6(ReadOnlySpan<byte> frame, int start, out PacketLayout layout)
    {
        layout = default;
        var ip = frame[start..];
        if (ip.Length < 40 || ip[0] >> 4 != 6)
        {
            return false;
        }

        var end = 40 + BinaryPrimitives.ReadUInt16BigEndian(ip[4..]);
        if (end > ip.Length)
        {
            return false;
        }

        var next = ip[6];
        var position = 40;
        var hopByHop = false;
        for (var headers = 0; headers < MostExtensionHeaders; headers++)
        {
            if (next is not (HopByHop or Routing or DestinationOptions or Fragment))
            {
                layout = new PacketLayout
                {
                    EtherType = Ipv6,
                    Network = start,
                    Transport = start + position,
                    End = start + end,
                    Protocol = next,
                    HasHopByHop = hopByHop,
                };
                return true;
            }

            if (end - position < 8)
            {
                return false;
            }

            if (next == Fragment)
            {
                var fragment = BinaryPrimitives.ReadUInt16BigEndian(ip[(position + 2)..]);
                layout = new PacketLayout
                {
                    EtherType = Ipv6,
                    Network = start,
                    Transport = start + position + 8,
                    End = start + end,
                    Protocol = ip[position],
                    IsFragment = true,
                    FragmentOffset = fragment & 0xFFF8,
                    MoreFragments = (fragment & 1) != 0,
                    FragmentId = BinaryPrimitives.ReadUInt32BigEndian(ip[(position + 4)..]),
                };
                return true;
            }

            hopByHop |= next == HopByHop;
            next = ip[position];
            position += (ip[position + 1] + 1) * 8;
            if (position > end)
            {
                return false;
            }
        }

        return false;
    }
}
