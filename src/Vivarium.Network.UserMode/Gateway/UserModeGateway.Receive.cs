using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <content>What comes from guests.</content>
public sealed partial class UserModeGateway
{
    private void Receive(EthernetFrame frame, long nowNs)
    {
        var data = frame.Data;
        if (data.Length < 14)
        {
            return;
        }

        var guest = MacAddress.Read(data[6..]);
        if (BinaryPrimitives.ReadUInt16BigEndian(data[12..]) == PacketLayout.Arp)
        {
            ReceiveArp(data[14..], guest, nowNs);
            return;
        }

        if (!PacketLayout.TryParse(data, out var layout) || layout.Network != 14)
        {
            return;
        }

        var ip = data[14..];
        IpAddress source, destination;
        byte hops;
        if (layout.EtherType == PacketLayout.Ipv4)
        {
            if (InternetChecksum.Compute(ip[..(layout.Transport - 14)]) != 0)
            {
                return;
            }

            source = IpAddress.Read(ip[12..16]);
            destination = IpAddress.Read(ip[16..20]);
            hops = ip[8];
        }
        else
        {
            source = IpAddress.Read(ip[8..24]);
            destination = IpAddress.Read(ip[24..40]);
            hops = ip[7];
        }

        if (source.IsMulticast || IsOurs(source) || (source.IsV4 && _dhcp.IsAnothers(source, guest, nowNs)))
        {
            return;
        }

        var payload = data[layout.Transport..layout.End];
        var isTrusted = frame.Offload.NeedsChecksum || frame.Offload.ChecksumValid;
        if (layout.IsFragment)
        {
            payload = _reassembler.Add(source, destination, layout, payload, nowNs);
            isTrusted = false;
            if (payload.IsEmpty)
            {
                return;
            }
        }

        if (!isTrusted && !HasGoodChecksum(source, destination, layout.Protocol, payload))
        {
            return;
        }

        var packet = new Packet
        {
            Source = source,
            Destination = destination,
            Protocol = layout.Protocol,
            Guest = guest,
            Header = ip[..Math.Min(layout.Transport - 14 + 8, ip.Length)],
            Payload = payload,
            Hops = hops,
        };
        LearnFrom(packet, nowNs);
        Dispatch(packet, nowNs);
    }

    private void Dispatch(in Packet packet, long nowNs)
    {
        switch (packet.Protocol)
        {
            case PacketLayout.Tcp:
                ReceiveTcp(packet, nowNs);
                break;
            case PacketLayout.Udp:
                ReceiveUdp(packet, nowNs);
                break;
            case PacketLayout.Icmp when packet.Source.IsV4:
                ReceiveIcmp(packet, nowNs);
                break;
            case PacketLayout.IcmpV6 when !packet.Source.IsV4:
                ReceiveIcmp6(packet, nowNs);
                break;
        }
    }

    private static bool HasGoodChecksum(IpAddress source, IpAddress destination, byte protocol, ReadOnlySpan<byte> payload)
    {
        switch (protocol)
        {
            case PacketLayout.Icmp when source.IsV4:
                return InternetChecksum.Compute(payload) == 0;
            case PacketLayout.Udp when source.IsV4 && payload.Length >= 8 && payload[6] == 0 && payload[7] == 0:
                return true;
            case PacketLayout.Tcp or PacketLayout.Udp or PacketLayout.IcmpV6:
                var sum = FrameBuilder.PseudoHeader(source, destination, protocol, payload.Length);
                return InternetChecksum.Finish(InternetChecksum.Add(sum, payload)) == 0;
            default:
                return true;
        }
    }

    /// <summary>Whoever sends from an address of the network has it.</summary>
    private void LearnFrom(in Packet packet, long nowNs)
    {
        if (IsGuestAddress(packet.Source))
        {
            Learn(packet.Source, packet.Guest, nowNs);
        }
    }

    private void Learn(IpAddress address, MacAddress guest, long nowNs)
    {
        foreach (var waiting in _neighbours.Learn(address, guest, nowNs))
        {
            guest.Write(waiting.Span);
            _outbox.Add(waiting);
        }
    }

    private bool IsOurs(IpAddress address) =>
        address == _address4 || address == _dns4 || (_options.Network6 is not null && (address == _address6 || address == _linkLocal6));

    /// <summary>Whether an address is one that a guest can have.</summary>
    private bool IsGuestAddress(IpAddress address)
    {
        if (IsOurs(address) || address.IsUnspecified || address.IsMulticast)
        {
            return false;
        }

        if (address.IsV4)
        {
            var host = address.V4 & ~(uint.MaxValue << (32 - _options.Network.PrefixLength));
            return address.IsIn(_network4, _options.Network.PrefixLength) && host != 0 && host != ~(uint.MaxValue << (32 - _options.Network.PrefixLength));
        }

        return _options.Network6 is not null && (address.IsIn(_network6, 64) || address.IsLinkLocal6);
    }
}
