using System.Buffers.Binary;

namespace Vivarium.Network.Tests;

/// <summary>Packets made by hand, and checks that share no code with what they check.</summary>
internal static class Packets
{
    /// <summary>A TCP or UDP segment in IPv4 or IPv6 whose checksum field holds the sum of the pseudo header.</summary>
    public static byte[] Partial(bool v6, byte protocol, byte[] payload, MacAddress to, MacAddress from)
    {
        var header = protocol == 6 ? 20 : 8;
        var transport = new byte[header + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(transport, 1000);
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(2), 2000);
        if (protocol == 6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(transport.AsSpan(4), 0xFFFF_FF00);
            transport[12] = 5 << 4;
            transport[13] = 0x99;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(4), (ushort)transport.Length);
        }

        payload.CopyTo(transport, header);
        byte[] source = v6 ? [0xFD, .. new byte[14], 1] : [10, 0, 0, 1];
        byte[] destination = v6 ? [0xFD, .. new byte[14], 2] : [10, 0, 0, 2];
        var sum = Sum([.. source, .. destination, 0, protocol, .. Length(transport.Length, v6)]);
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(protocol == 6 ? 16 : 6), sum);
        return Station.Frame(to, from, v6 ? Ip6(protocol, source, destination, transport) : Ip4(protocol, source, destination, transport), v6 ? (ushort)0x86DD : (ushort)0x0800);
    }

    public static byte[] Ip4(byte protocol, byte[] source, byte[] destination, byte[] payload, byte ttl = 64)
    {
        byte[] header = [0x45, 0, .. Length(20 + payload.Length, false), 0, 7, 0, 0, ttl, protocol, 0, 0, .. source, .. destination];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)~Sum(header));
        return [.. header, .. payload];
    }

    public static byte[] Ip6(byte next, byte[] source, byte[] destination, byte[] payload) =>
        [0x60, 0, 0, 0, .. Length(payload.Length, false), next, 64, .. source, .. destination, .. payload];

    public static byte[] Igmp(byte type, byte[] group)
    {
        byte[] message = [type, 0, 0, 0, .. group];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~Sum(message));
        return message;
    }

    /// <summary>Whether all checksums and lengths of a TCP or UDP packet in a frame without a tag are right.</summary>
    public static bool IsWhole(byte[] frame)
    {
        var v6 = frame[12] == 0x86;
        var ip = frame[14..];
        var header = v6 ? 40 : 20;
        var length = v6 ? 40 + BinaryPrimitives.ReadUInt16BigEndian(ip.AsSpan(4)) : BinaryPrimitives.ReadUInt16BigEndian(ip.AsSpan(2));
        if (length != ip.Length || (!v6 && Sum(ip[..20]) != 0xFFFF))
        {
            return false;
        }

        var protocol = v6 ? ip[6] : ip[9];
        var transport = ip[header..];
        byte[] addresses = v6 ? ip[8..40] : ip[12..20];
        return (protocol != 17 || BinaryPrimitives.ReadUInt16BigEndian(transport.AsSpan(4)) == transport.Length)
            && Sum([.. addresses, 0, protocol, .. Length(transport.Length, v6), .. transport]) == 0xFFFF;
    }

    /// <summary>The plain definition of RFC 1071: 16-bit words, one after the other.</summary>
    public static ushort Sum(byte[] data)
    {
        var sum = 0u;
        for (var i = 0; i < data.Length; i += 2)
        {
            sum += (uint)((data[i] << 8) | (i + 1 < data.Length ? data[i + 1] : 0));
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }

    private static byte[] Length(int length, bool wide) =>
        wide ? [0, 0, (byte)(length >> 8), (byte)length] : [(byte)(length >> 8), (byte)length];
}
