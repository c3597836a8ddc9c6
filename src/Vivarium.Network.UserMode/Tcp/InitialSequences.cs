using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Vivarium.Network.UserMode;

/// <summary>
/// Where the sequence numbers of connections begin (RFC 6528 §3): a clock of 4 µs, so that a connection between the same ports begins above what the
/// last one used and a peer that still remembers that takes it, plus a number of its own for each pair of ends that nobody else can guess.
/// </summary>
/// <param name="secret">What the numbers are derived from; 32 bytes at random.</param>
internal sealed class InitialSequences(byte[] secret)
{
    private const int TickNs = 4_000;
    private const int AddressBytes = 16;
    private const int KeyBytes = 2 * (AddressBytes + sizeof(ushort));

    public uint Of(in ConnectionKey key, long nowNs)
    {
        Span<byte> ends = stackalloc byte[KeyBytes];
        ends.Clear();
        key.Local.Write(ends);
        key.Remote.Write(ends[AddressBytes..]);
        BinaryPrimitives.WriteUInt16BigEndian(ends[(2 * AddressBytes)..], key.LocalPort);
        BinaryPrimitives.WriteUInt16BigEndian(ends[((2 * AddressBytes) + sizeof(ushort))..], key.RemotePort);
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(secret, ends, hash);
        return (uint)(nowNs / TickNs) + BinaryPrimitives.ReadUInt32LittleEndian(hash);
    }
}
