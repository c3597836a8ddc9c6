using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vivarium.Network;

/// <summary>The checksum of IP, TCP, UDP and ICMP (RFC 1071): the one's complement of a one's-complement sum of 16-bit words.</summary>
internal static class InternetChecksum
{
    /// <summary>
    /// Adds <paramref name="data"/>, an odd last byte with a zero behind it, to a sum of earlier data of even length. The result is folded to
    /// 16 bits and in network order.
    /// </summary>
    public static uint Add(uint sum, ReadOnlySpan<byte> data)
    {
        // RFC 1071 §2: the sum does not depend on byte order or word size, so native words of 64 bits are added, each carry back in.
        var total = 0UL;
        var words = MemoryMarshal.Cast<byte, ulong>(data);
        var i = 0;
        for (; i + 4 <= words.Length; i += 4)
        {
            total = AddCarry(AddCarry(AddCarry(AddCarry(total, words[i]), words[i + 1]), words[i + 2]), words[i + 3]);
        }

        for (; i < words.Length; i++)
        {
            total = AddCarry(total, words[i]);
        }

        var rest = data[(words.Length * 8)..];
        if (!rest.IsEmpty)
        {
            var last = 0UL;
            rest.CopyTo(MemoryMarshal.AsBytes(new Span<ulong>(ref last)));
            total = AddCarry(total, last);
        }

        var folded = Fold((total >> 32) + (uint)total);
        return Fold(sum + (ulong)(BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness((ushort)folded) : folded));
    }

    /// <summary>The checksum of a sum, as it goes into a header.</summary>
    public static ushort Finish(uint sum) => (ushort)~Fold(sum);

    /// <summary>The checksum of data alone.</summary>
    public static ushort Compute(ReadOnlySpan<byte> data) => Finish(Add(0, data));

    /// <summary>The sum of the pseudo header of TCP and UDP. Addresses are of 4 or 16 bytes; both kinds sum the same fields (RFC 8200 §8.1).</summary>
    public static uint PseudoHeader(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, byte protocol, int lengthBytes) =>
        Fold(Add(Add(0, source), destination) + protocol + (ulong)(lengthBytes >> 16) + (ulong)(lengthBytes & 0xFFFF));

    private static uint Fold(ulong sum)
    {
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (uint)sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong AddCarry(ulong sum, ulong value)
    {
        sum += value;
        return sum < value ? sum + 1 : sum;
    }
}
