using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <content>ARP (RFC 826), ICMP (RFC 792), ICMPv6 (RFC 4443) with neighbour discovery (RFC 4861).</content>
public sealed partial class UserModeGateway
{
    private const byte EchoReply = 0, Unreachable = 3, Echo = 8;
    private const byte Unreachable6 = 1, Echo6 = 128, EchoReply6 = 129, RouterSolicit = 133, RouterAdvertise = 134, NeighbourSolicit = 135, NeighbourAdvertise = 136;

    /// <summary>Communication administratively prohibited, by RFC 1812 §5.2.7.1 and RFC 4443 §3.1.</summary>
    private const byte Prohibited = 13, Prohibited6 = 1;

    private static IpAddress AllNodes { get; } = IpAddress.Read([0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    private void ReceiveArp(ReadOnlySpan<byte> arp, MacAddress guest, long nowNs)
    {
        ReadOnlySpan<byte> kind = [0, 1, 8, 0, 6, 4, 0];
        if (arp.Length < 28 || !arp.StartsWith(kind) || MacAddress.Read(arp[8..]) != guest)
        {
            return;
        }

        var sender = IpAddress.Read(arp[14..18]);
        var target = IpAddress.Read(arp[24..28]);
        if (IsGuestAddress(sender) && !_dhcp.IsAnothers(sender, guest, nowNs))
        {
            Learn(sender, guest, nowNs);
        }

        if (arp[7] == 1 && (target == _address4 || target == _dns4))
        {
            SendArp(2, target, guest, sender);
        }
    }

    private void SendArp(byte operation, IpAddress source, MacAddress to, IpAddress target)
    {
        var frame = _pool.Rent(42);
        var data = frame.Span;
        to.Write(data);
        _options.Address.Write(data[6..]);
        ReadOnlySpan<byte> kind = [8, 6, 0, 1, 8, 0, 6, 4, 0, operation];
        kind.CopyTo(data[12..]);
        _options.Address.Write(data[22..]);
        source.Write(data[28..]);
        data[32..38].Clear();
        if (operation == 2)
        {
            to.Write(data[32..]);
        }

        target.Write(data[38..]);
        _outbox.Add(frame);
    }

    /// <summary>Asks who has an address.</summary>
    private void Ask(IpAddress address)
    {
        if (address.IsV4)
        {
            SendArp(1, _address4, MacAddress.Broadcast, address);
            return;
        }

        Span<byte> target = stackalloc byte[16];
        address.Write(target);
        Span<byte> group = [0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, target[13], target[14], target[15]];
        Span<byte> body = stackalloc byte[28];
        body.Clear();
        target.CopyTo(body[4..]);
        body[20] = 1;
        body[21] = 1;
        _options.Address.Write(body[22..]);
        var destination = IpAddress.Read(group);
        var source = address.IsLinkLocal6 ? _linkLocal6 : _address6;
        SendMulticast(_builder.CreateIcmp(source, destination, NeighbourSolicit, 0, body, hops: 255), destination);
    }

    private void SendMulticast(EthernetFrame frame, IpAddress group)
    {
        Span<byte> bytes = stackalloc byte[16];
        group.Write(bytes);
        frame.Span[0] = frame.Span[1] = 0x33;
        bytes[12..].CopyTo(frame.Span[2..]);
        _outbox.Add(frame);
    }

    private void ReceiveIcmp(in Packet packet, long nowNs)
    {
        var message = packet.Payload;
        if (message.Length < 8 || message[0] != Echo || message[1] != 0)
        {
            return;
        }

        if (packet.Destination == _address4 || packet.Destination == _dns4)
        {
            SendIp(_builder.CreateIcmp(packet.Destination, packet.Source, EchoReply, 0, message[4..]), packet.Source);
        }
        else
        {
            SendEcho(packet, nowNs);
        }
    }

    private void ReceiveIcmp6(in Packet packet, long nowNs)
    {
        var message = packet.Payload;
        if (_options.Network6 is null || message.Length < 8)
        {
            return;
        }

        switch (message[0])
        {
            case Echo6 when packet.Destination == _address6 || packet.Destination == _linkLocal6:
                SendIp(_builder.CreateIcmp(packet.Destination, packet.Source, EchoReply6, 0, message[4..]), packet.Source);
                break;

            case Echo6 when message[1] == 0:
                SendEcho(packet, nowNs);
                break;

            // A hop limit of 255 shows that no router has passed it on (RFC 4861 §7.1).
            case NeighbourSolicit when packet.Hops == 255 && message.Length >= 24:
                AnswerSolicit(packet, IpAddress.Read(message[8..24]));
                break;
            case NeighbourAdvertise when packet.Hops == 255 && message.Length >= 24:
                var target = IpAddress.Read(message[8..24]);
                if (IsGuestAddress(target))
                {
                    Learn(target, packet.Guest, nowNs);
                }

                break;
            case RouterSolicit when packet.Hops == 255 && _options.RouterAdvertisements:
                SendRouterAdvertisement(AllNodes);
                break;
        }
    }

    private void AnswerSolicit(in Packet packet, IpAddress target)
    {
        if (target != _address6 && target != _linkLocal6)
        {
            return;
        }

        // Router, solicited, override; a guest that has no address yet asks whether this one is free, and all hear the answer.
        var isProbe = packet.Source.IsUnspecified;
        Span<byte> body = stackalloc byte[28];
        body.Clear();
        body[0] = (byte)(isProbe ? 0xA0 : 0xE0);
        target.Write(body[4..]);
        body[20] = 2;
        body[21] = 1;
        _options.Address.Write(body[22..]);
        var destination = isProbe ? AllNodes : packet.Source;
        var frame = _builder.CreateIcmp(target, destination, NeighbourAdvertise, 0, body, hops: 255);
        if (isProbe)
        {
            SendMulticast(frame, destination);
        }
        else
        {
            SendIp(frame, destination);
        }
    }

    /// <summary>The network's prefix, for guests to make addresses of (RFC 4861 §4.2), its MTU and its name server (RFC 8106).</summary>
    private void SendRouterAdvertisement(IpAddress destination)
    {
        Span<byte> body = stackalloc byte[12 + 8 + 32 + 8 + 24];
        body.Clear();
        body[0] = 64;
        BinaryPrimitives.WriteUInt16BigEndian(body[2..], 9_000);

        var link = body[12..];
        link[0] = link[1] = 1;
        _options.Address.Write(link[2..]);

        var prefix = body[20..];
        prefix[0] = 3;
        prefix[1] = 4;
        prefix[2] = 64;
        prefix[3] = 0xC0;
        BinaryPrimitives.WriteUInt32BigEndian(prefix[4..], 86_400);
        BinaryPrimitives.WriteUInt32BigEndian(prefix[8..], 14_400);
        _network6.Write(prefix[16..]);

        var mtu = body[52..];
        mtu[0] = 5;
        mtu[1] = 1;
        BinaryPrimitives.WriteUInt32BigEndian(mtu[4..], (uint)_options.MtuBytes);

        var dns = body[60..];
        dns[0] = 25;
        dns[1] = 3;
        BinaryPrimitives.WriteUInt32BigEndian(dns[4..], 9_000);
        _address6.Write(dns[8..]);
        SendMulticast(_builder.CreateIcmp(_linkLocal6, destination, RouterAdvertise, 0, body, hops: 255), destination);
    }

    /// <summary>Tells a guest that what it wants is forbidden, with the packet's beginning so that it knows which.</summary>
    private void SendUnreachable(in Packet packet)
    {
        Span<byte> body = stackalloc byte[4 + 64];
        body.Clear();
        var quoted = packet.Header[..Math.Min(packet.Header.Length, 60)];
        quoted.CopyTo(body[4..]);
        var type = packet.Source.IsV4 ? Unreachable : Unreachable6;
        var code = packet.Source.IsV4 ? Prohibited : Prohibited6;
        var source = packet.Source.IsV4 ? _address4 : _address6;
        SendIp(_builder.CreateIcmp(source, packet.Source, type, code, body[..(4 + quoted.Length)]), packet.Source);
    }

    /// <summary>fe80:: and the Ethernet address (RFC 4291, appendix A).</summary>
    private static IpAddress LinkLocal(MacAddress address)
    {
        Span<byte> mac = stackalloc byte[6];
        address.Write(mac);
        return IpAddress.Read([0xFE, 0x80, 0, 0, 0, 0, 0, 0, (byte)(mac[0] ^ 2), mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]]);
    }
}
