using System.Buffers.Binary;
using System.Numerics;

namespace Vivarium.Devices;

/// <summary>A set of the 256 interrupt vectors (an IRR, ISR or TMR). Setting and clearing are atomic; any thread.</summary>
internal sealed class VectorSet
{
    private const int Words = 4;

    private readonly ulong[] _words = new ulong[Words];

    /// <summary>The highest vector in the set; −1 if it is empty.</summary>
    public int Highest
    {
        get
        {
            for (var i = Words - 1; i >= 0; i--)
            {
                var word = Volatile.Read(ref _words[i]);
                if (word != 0)
                {
                    return 64 * i + BitOperations.Log2(word);
                }
            }

            return -1;
        }
    }

    public bool Contains(int vector) => (Volatile.Read(ref _words[vector >> 6]) & Bit(vector)) != 0;

    public void Add(int vector) => Interlocked.Or(ref _words[vector >> 6], Bit(vector));

    public void Remove(int vector) => Interlocked.And(ref _words[vector >> 6], ~Bit(vector));

    public void Set(int vector, bool value)
    {
        if (value)
        {
            Add(vector);
        }
        else
        {
            Remove(vector);
        }
    }

    public void Clear()
    {
        for (var i = 0; i < Words; i++)
        {
            Volatile.Write(ref _words[i], 0);
        }
    }

    /// <summary>One of the eight 32-bit registers that show the set.</summary>
    public uint Register(int index) => (uint)(Volatile.Read(ref _words[index >> 1]) >> (32 * (index & 1)));

    public void Save(StateWriter writer, ushort tag)
    {
        Span<byte> bytes = stackalloc byte[Words * sizeof(ulong)];
        for (var i = 0; i < Words; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[(8 * i)..], _words[i]);
        }

        writer.Write(tag, bytes);
    }

    public void Restore(StateReader reader, ushort tag)
    {
        Span<byte> bytes = stackalloc byte[Words * sizeof(ulong)];
        reader.ReadBytes(tag, bytes);
        for (var i = 0; i < Words; i++)
        {
            Volatile.Write(ref _words[i], BinaryPrimitives.ReadUInt64LittleEndian(bytes[(8 * i)..]));
        }
    }

    private static ulong Bit(int vector) => 1UL << (vector & 63);
}
