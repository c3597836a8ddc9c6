using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>A number for the conversation that a frame belongs to: the same in both directions.</summary>
internal static class FlowHash
{
    private const ushort Ipv4 = 0x0800;
    private const ushort Ipv6 = 0x86DD;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    public static uint Of(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 14 + 20)
        {
            return 0;
        }

        var ip = frame[14..];
        switch (BinaryPrimitives.ReadUInt16BigEndian(frame[12..]))
        {
            case Ipv4:
                var isFragment = (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3FFF) != 0;
                return Mix(Word(ip, 12) ^ Word(ip, 16) ^ (isFragment ? 0 : Ports(ip, ip[9], (ip[0] & 0xF) * 4)));
            case Ipv6 when ip.Length >= 40:
                var addresses = 0u;
                for (var offset = 8; offset < 40; offset += 4)
                {
                    addresses ^= Word(ip, offset);
                }

                return Mix(addresses ^ Ports(ip, ip[6], 40));
            default:
                return 0;
        }
    }

    private static uint Ports(ReadOnlySpan<byte> ip, byte protocol, int offset) => protocol is Tcp or Udp && ip.Length >= offset + 4
        ? (uint)(BinaryPrimitives.ReadUInt16BigEndian(ip[offset..]) ^ BinaryPrimitives.ReadUInt16BigEndian(ip[(offset + 2)..]))
        : 0;

    private static uint Word(ReadOnlySpan<byte> ip, int offset) => BinaryPrimitives.ReadUInt32BigEndian(ip[offset..]);

    private static uint Mix(uint value)
    {
        value = (value ^ (value >> 16)) * 0x7FEB_352D;
        value = (value ^ (value >> 15)) * 0x846C_A68B;
        return value ^ (value >> 16);
    }
}
