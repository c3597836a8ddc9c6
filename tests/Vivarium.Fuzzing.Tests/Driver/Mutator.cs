using System.Buffers.Binary;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Alters inputs: bits, bytes, numbers at the edges of their ranges in either byte order, pieces taken out, doubled, moved and mixed.</summary>
internal sealed class Mutator(Random random, IReadOnlyList<byte[]> words, int maxBytes)
{
    private static readonly ulong[] s_edges =
    [
        0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024, 4095, 4096, 4097, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0xF_FFFF, 0x10_0000,
        0x7FFF_FFFF, 0x8000_0000, 0xFFFF_F000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF,
    ];

    /// <summary>An altered copy; pieces may come from <paramref name="other"/>.</summary>
    public byte[] Mutate(byte[] input, byte[] other)
    {
        var bytes = new List<byte>(input);
        // Most often few changes: many at once spoil what was right about an input.
        for (var left = 1 << random.Next(5); left > 0; left--)
        {
            Change(bytes, other);
        }

        if (bytes.Count > maxBytes)
        {
            bytes.RemoveRange(maxBytes, bytes.Count - maxBytes);
        }

        return [.. bytes];
    }

    private void Change(List<byte> bytes, byte[] other)
    {
        if (bytes.Count == 0)
        {
            bytes.Add((byte)random.Next(256));
            return;
        }

        var at = random.Next(bytes.Count);
        switch (random.Next(11))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                bytes[at] += (byte)random.Next(-16, 17);
                break;
            case 3 or 4:
                PutNumber(bytes, at, s_edges[random.Next(s_edges.Length)]);
                break;
            case 5:
                PutNumber(bytes, at, (ulong)random.NextInt64() >> random.Next(64));
                break;
            case 6:
                bytes.RemoveRange(at, Math.Min(PieceBytes(), bytes.Count - at));
                break;
            case 7:
                var piece = bytes.GetRange(at, Math.Min(PieceBytes(), bytes.Count - at));
                bytes.InsertRange(random.Next(bytes.Count + 1), piece);
                break;
            case 8:
                var noise = new byte[random.Next(1, 9)];
                random.NextBytes(noise);
                bytes.InsertRange(at, noise);
                break;
            case 9 when other.Length > 0:
                var from = random.Next(other.Length);
                Put(bytes, random.Next(2) == 0, at, other.AsSpan(from, Math.Min(PieceBytes(), other.Length - from)));
                break;
            default:
                if (words.Count > 0)
                {
                    Put(bytes, random.Next(2) == 0, at, words[random.Next(words.Count)]);
                }
                else
                {
                    bytes[at] = 0xFF;
                }

                break;
        }
    }

    private int PieceBytes() => random.Next(1, 1 << random.Next(1, 9));

    private void PutNumber(List<byte> bytes, int at, ulong value)
    {
        Span<byte> number = stackalloc byte[8];
        var sizeBytes = 1 << random.Next(4);
        if (random.Next(2) == 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(number, value);
            Put(bytes, true, at, number[..sizeBytes]);
        }
        else
        {
            BinaryPrimitives.WriteUInt64BigEndian(number, value);
            Put(bytes, true, at, number[^sizeBytes..]);
        }
    }

    private static void Put(List<byte> bytes, bool overwrites, int at, ReadOnlySpan<byte> piece)
    {
        if (!overwrites)
        {
            bytes.InsertRange(at, piece);
            return;
        }

        for (var i = 0; i < piece.Length && at + i < bytes.Count; i++)
        {
            bytes[at + i] = piece[i];
        }
    }
}
