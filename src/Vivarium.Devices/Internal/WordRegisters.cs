namespace Vivarium.Devices;

/// <summary>Registers of 32 bits, by byte offsets that are multiples of 4. Reading one changes nothing.</summary>
internal interface IWordRegisters
{
    uint ReadWord(int offset);

    void WriteWord(int offset, uint value);
}

/// <summary>
/// How a region of 32-bit registers answers a guest: reads of any size and alignment see their part, writes are of whole registers, one or two.
/// </summary>
internal static class WordRegisters
{
    public static IoResult Read<T>(T registers, ulong offset, int sizeBytes, out ulong value)
        where T : IWordRegisters
    {
        var first = (int)offset & ~3;
        var shift = 8 * ((int)offset & 3);
        value = registers.ReadWord(first) >> shift;
        for (var bits = 32 - shift; bits < 8 * sizeBytes; bits += 32)
        {
            first += 4;
            value |= (ulong)registers.ReadWord(first) << bits;
        }

        value &= ulong.MaxValue >> (64 - (8 * sizeBytes));
        return IoResult.Ok;
    }

    public static IoResult Write<T>(T registers, ulong offset, int sizeBytes, ulong value)
        where T : IWordRegisters
    {
        if (sizeBytes is not (4 or 8) || (offset & 3) != 0)
        {
            return IoResult.BadSize;
        }

        registers.WriteWord((int)offset, (uint)value);
        if (sizeBytes == 8)
        {
            registers.WriteWord((int)offset + 4, (uint)(value >> 32));
        }

        return IoResult.Ok;
    }
}
