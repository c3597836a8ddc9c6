using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <summary>Puts Ethernet and IP headers in front of what is sent. Not thread-safe.</summary>
internal sealed class FrameBuilder(FramePool pool, MacAddress address)
{
    private ushort _identification;

    /// <summary>Bytes of headers before what IP carries.</summary>
    public static int HeaderBytes(IpAddress destination) => destination.IsV4 ? 34 : 54;

    /// <summary>A frame for so many bytes of IP payload, whose headers are written but for the receiver's Ethernet address.</summary>
    public EthernetFrame Create(IpAddress source, IpAddress destination, byte protocol, int payloadBytes, byte hops = 64)
    {
        var header = HeaderBytes(destination);
        var frame = pool.Rent(header + payloadBytes);
        var data = frame.Span;
        data[..6].Clear();
        address.Write(data[6..]);
        var ip = data[14..];
        if (destination.IsV4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(data[12..], PacketLayout.Ipv4);
            ip[0] = 0x45;
            ip[1] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + payloadBytes));
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], _identification++);
            BinaryPrimitives.WriteUInt16BigEndian(ip[6..], 0x4000);
            ip[8] = hops;
            ip[9] = protocol;
            ip[10] = ip[11] = 0;
            source.Write(ip[12..]);
            destination.Write(ip[16..]);
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], InternetChecksum.Compute(ip[..20]));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(data[12..], PacketLayout.Ipv6);
            BinaryPrimitives.WriteUInt32BigEndian(ip, 0x6000_0000);
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)payloadBytes);
            ip[6] = protocol;
            ip[7] = hops;
            source.Write(ip[8..]);
            destination.Write(ip[24..]);
        }

        return frame;
    }

    /// <summary>A UDP datagram, complete.</summary>
    public EthernetFrame CreateUdp(IpAddress source, ushort sourcePort, IpAddress destination, ushort destinationPort, ReadOnlySpan<byte> payload)
    {
        var frame = Create(source, destination, PacketLayout.Udp, 8 + payload.Length);
        var udp = frame.Span[HeaderBytes(destination)..];
        BinaryPrimitives.WriteUInt16BigEndian(udp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udp.Length);
        payload.CopyTo(udp[8..]);
        WriteChecksum(udp, 6, source, destination, PacketLayout.Udp);
        return frame;
    }

    /// <summary>An ICMP or ICMPv6 message, complete.</summary>
    public EthernetFrame CreateIcmp(IpAddress source, IpAddress destination, byte type, byte code, ReadOnlySpan<byte> body, byte hops = 64)
    {
        var protocol = destination.IsV4 ? PacketLayout.Icmp : PacketLayout.IcmpV6;
        var frame = Create(source, destination, protocol, 4 + body.Length, hops);
        var icmp = frame.Span[HeaderBytes(destination)..];
        icmp[0] = type;
        icmp[1] = code;
        body.CopyTo(icmp[4..]);
        if (destination.IsV4)
        {
            icmp[2] = icmp[3] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], InternetChecksum.Compute(icmp));
        }
        else
        {
            WriteChecksum(icmp, 2, source, destination, protocol);
        }

        return frame;
    }

    /// <summary>The sum of the pseudo header of a packet.</summary>
    public static uint PseudoHeader(IpAddress source, IpAddress destination, byte protocol, int lengthBytes)
    {
        Span<byte> addresses = stackalloc byte[32];
        var length = source.LengthBytes;
        source.Write(addresses);
        destination.Write(addresses[length..]);
        return InternetChecksum.PseudoHeader(addresses[..length], addresses.Slice(length, length), protocol, lengthBytes);
    }

    private static void WriteChecksum(Span<byte> message, int place, IpAddress source, IpAddress destination, byte protocol)
    {
        message[place] = message[place + 1] = 0;
        var sum = InternetChecksum.Finish(InternetChecksum.Add(PseudoHeader(source, destination, protocol, message.Length), message));
        BinaryPrimitives.WriteUInt16BigEndian(message[place..], sum == 0 ? (ushort)0xFFFF : sum);
    }
}
