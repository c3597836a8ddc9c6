using System.Buffers.Binary;

namespace Vivarium.Network;

/// <summary>Reads IGMP (RFC 2236, RFC 3376) and MLD (RFC 2710, RFC 3810) messages that pass, and keeps the table of groups by them.</summary>
internal sealed class MulticastSnooper(MulticastTable table)
{
    private const int MostRecords = 256;

    /// <summary>What a frame is to the snooper.</summary>
    internal enum Kind
    {
        /// <summary>No group message.</summary>
        Other,

        /// <summary>A question: goes to all.</summary>
        Query,

        /// <summary>A host joins or leaves: goes to routers only, so that other hosts do not keep silent for having heard it (RFC 4541 §2.1.1).</summary>
        Report,
    }

    /// <summary>Reads a frame without a VLAN tag. Malformed messages change nothing.</summary>
    public Kind Inspect(SwitchPort port, ushort vlan, ReadOnlySpan<byte> frame, long nowNs)
    {
        if (!PacketLayout.TryParse(frame, out var layout) || layout.IsFragment)
        {
            return Kind.Other;
        }

        var message = frame[layout.Transport..layout.End];
        if (layout.Protocol == PacketLayout.Igmp && layout.EtherType == PacketLayout.Ipv4)
        {
            return message.Length >= 8 && InternetChecksum.Compute(message) == 0 ? Igmp(port, vlan, message, nowNs) : Kind.Other;
        }

        if (layout is { Protocol: PacketLayout.IcmpV6, HasHopByHop: true } && message.Length >= 8)
        {
            var ip = frame[layout.Network..];
            var pseudo = InternetChecksum.PseudoHeader(ip[8..24], ip[24..40], PacketLayout.IcmpV6, message.Length);
            return InternetChecksum.Finish(InternetChecksum.Add(pseudo, message)) == 0 ? Mld(port, vlan, message, nowNs) : Kind.Other;
        }

        return Kind.Other;
    }

    /// <summary>Whether a group is never pruned: 224.0.0.0/24, and the all-nodes and all-routers groups of IPv6 (RFC 4541 §2.1.2, §3).</summary>
    public static bool IsAlwaysFlooded(ulong mac)
    {
        // The bytes as they lie in memory: 01:00:5e:00:00:xx, and 33:33:00:00:00:01 or :02.
        if ((mac & 0xFF_FFFF_FFFF) == 0x00_005E_0001)
        {
            return true;
        }

        return mac is 0x0100_0000_3333 or 0x0200_0000_3333;
    }

    private Kind Igmp(SwitchPort port, ushort vlan, ReadOnlySpan<byte> message, long nowNs)
    {
        switch (message[0])
        {
            case 0x11:
                table.AddRouter(vlan, port, nowNs);
                return Kind.Query;
            case 0x12 or 0x16:
                Change(port, vlan, message[4..8], wants: true, nowNs);
                return Kind.Report;
            case 0x17:
                Change(port, vlan, message[4..8], wants: false, nowNs);
                return Kind.Report;
            case 0x22:
                Records(port, vlan, message, addressBytes: 4, nowNs);
                return Kind.Report;
            default:
                return Kind.Other;
        }
    }

    private Kind Mld(SwitchPort port, ushort vlan, ReadOnlySpan<byte> message, long nowNs)
    {
        switch (message[0])
        {
            case 130:
                table.AddRouter(vlan, port, nowNs);
                return Kind.Query;
            case 131 or 132 when message.Length >= 24:
                Change(port, vlan, message[8..24], wants: message[0] == 131, nowNs);
                return Kind.Report;
            case 143:
                Records(port, vlan, message, addressBytes: 16, nowNs);
                return Kind.Report;
            default:
                return Kind.Other;
        }
    }

    /// <summary>Group records (RFC 3376 §4.2, RFC 3810 §5.2). Sources are not told apart: a group is wanted or not.</summary>
    private void Records(SwitchPort port, ushort vlan, ReadOnlySpan<byte> message, int addressBytes, long nowNs)
    {
        var count = Math.Min(MostRecords, (int)BinaryPrimitives.ReadUInt16BigEndian(message[6..]));
        var rest = message[8..];
        for (; count > 0 && rest.Length >= 4 + addressBytes; count--)
        {
            var sources = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            var length = 4 + addressBytes + (sources * addressBytes) + (rest[1] * 4);
            if (length > rest.Length)
            {
                return;
            }

            // "Include" of no sources is how a host leaves; "block old sources" keeps the group.
            const byte isInclude = 1, toInclude = 3, blockSources = 6;
            var kind = rest[0];
            if (kind is >= isInclude and < blockSources)
            {
                Change(port, vlan, rest[4..(4 + addressBytes)], wants: !(kind is isInclude or toInclude && sources == 0), nowNs);
            }

            rest = rest[length..];
        }
    }

    private void Change(SwitchPort port, ushort vlan, ReadOnlySpan<byte> group, bool wants, long nowNs)
    {
        // RFC 1112 §6.4 and RFC 2464 §7: the address of the Ethernet group.
        ulong mac;
        if (group.Length == 4)
        {
            if (group[0] >> 4 != 0xE)
            {
                return;
            }

            mac = 0x5E_0001 | ((ulong)(group[1] & 0x7F) << 24) | ((ulong)group[2] << 32) | ((ulong)group[3] << 40);
        }
        else
        {
            if (group[0] != 0xFF)
            {
                return;
            }

            mac = 0x3333 | ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(group[12..]) << 16);
        }

        if (IsAlwaysFlooded(mac))
        {
            return;
        }

        var key = mac | ((ulong)vlan << 48);
        if (wants)
        {
            table.Join(key, port, nowNs);
        }
        else
        {
            table.Leave(key, port);
        }
    }
}
