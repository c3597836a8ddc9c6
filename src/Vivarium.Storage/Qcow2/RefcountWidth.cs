using System.Buffers.Binary;

namespace Vivarium.Storage;

/// <summary>Refcounts of 2^order bits in a block: big-endian from 16 bits on, the lowest bits first below 8 (QEMU docs/interop/qcow2.rst, "Refcount block").</summary>
internal readonly struct RefcountWidth(int order)
{
    public int Bits => 1 << order;

    public ulong Max => order == 6 ? ulong.MaxValue : (1UL << Bits) - 1;

    /// <summary>How many refcounts stand in so many bytes.</summary>
    public long CountIn(long bytes) => (bytes * 8) >> order;

    public ulong Get(ReadOnlySpan<byte> block, int index) => order switch
    {
        < 3 => (ulong)(block[(index << order) >> 3] >> ((index << order) & 7)) & Max,
        3 => block[index],
        4 => BinaryPrimitives.ReadUInt16BigEndian(block[(index * 2)..]),
        5 => BinaryPrimitives.ReadUInt32BigEndian(block[(index * 4)..]),
        _ => BinaryPrimitives.ReadUInt64BigEndian(block[(index * 8)..]),
    };

    public void Set(Span<byte> block, int index, ulong value)
    {
        switch (order)
        {
            case < 3:
                ref var place = ref block[(index << order) >> 3];
                var shift = (index << order) & 7;
                place = (byte)((place & ~((int)Max << shift)) | ((int)value << shift));
                break;
            case 3:
                block[index] = (byte)value;
                break;
            case 4:
                BinaryPrimitives.WriteUInt16BigEndian(block[(index * 2)..], (ushort)value);
                break;
            case 5:
                BinaryPrimitives.WriteUInt32BigEndian(block[(index * 4)..], (uint)value);
                break;
            default:
                BinaryPrimitives.WriteUInt64BigEndian(block[(index * 8)..], value);
                break;
        }
    }

    /// <summary>The first index from <paramref name="start"/> on whose refcount is 0, or -1.</summary>
    public int FindFree(ReadOnlySpan<byte> block, int start)
    {
        var count = (int)CountIn(block.Length);
        if (order == 4)
        {
            var found = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(block)[start..].IndexOf((ushort)0);
            return found < 0 ? -1 : start + found;
        }

        for (var i = start; i < count; i++)
        {
            if (Get(block, i) == 0)
            {
                return i;
            }
        }

        return -1;
    }
}
