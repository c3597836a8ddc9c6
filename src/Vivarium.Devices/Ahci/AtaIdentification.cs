using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>The 512 bytes that drives say about themselves (ACS-3 §7.12, §7.13).</summary>
internal static class AtaIdentification
{
    private const string Model = "Vivarium disk";
    private const string CdModel = "Vivarium CD";
    private const string Revision = "1.0";

    public static void Disk(Span<byte> data, long sectorCount, string serialNumber, bool canTrim, bool hasWriteCache)
    {
        data.Clear();
        var cylinders = Math.Clamp(sectorCount / (16 * 63), 1, 16383);
        Put(data, 0, 0x0040);
        Put(data, 1, (ushort)cylinders);
        Put(data, 3, 16);
        Put(data, 6, 63);
        PutText(data, 10, 10, serialNumber);
        PutText(data, 23, 4, Revision);
        PutText(data, 27, 20, Model);
        Put(data, 47, 0x8010);
        Put(data, 49, 0x0F00);
        Put(data, 50, 0x4000);
        Put(data, 53, 0x0006);
        BinaryPrimitives.WriteUInt32LittleEndian(data[120..], (uint)Math.Min(sectorCount, 0x0FFF_FFFF));
        Put(data, 63, 0x0007);
        Put(data, 64, 0x0003);
        for (var word = 65; word <= 68; word++)
        {
            Put(data, word, 120);
        }

        Put(data, 75, AhciPort.SlotCount - 1);
        Put(data, 76, (1 << 8) | (1 << 3) | (1 << 2) | (1 << 1));
        Put(data, 80, 0x01F0);

        // Write cache, look-ahead; flush, 48 bits, flush ext; forced unit access; logs.
        Put(data, 82, (1 << 14) | (1 << 6) | (1 << 5));
        Put(data, 83, (1 << 14) | (1 << 13) | (1 << 12) | (1 << 10));
        Put(data, 84, (1 << 14) | (1 << 6) | (1 << 5));
        Put(data, 85, (ushort)((1 << 14) | (1 << 6) | (hasWriteCache ? 1 << 5 : 0)));
        Put(data, 86, (1 << 13) | (1 << 12) | (1 << 10));
        Put(data, 87, (1 << 14) | (1 << 6) | (1 << 5));
        Put(data, 88, 0x203F);
        BinaryPrimitives.WriteInt64LittleEndian(data[200..], sectorCount);
        Put(data, 105, AtaDisk.MaximumTrimBlocks);

        // Eight logical sectors in a physical one.
        Put(data, 106, 0x6003);
        Put(data, 169, canTrim ? (ushort)1 : (ushort)0);
        Put(data, 217, 1);
        Put(data, 222, 0x1020);
        Seal(data);
    }

    public static void Cd(Span<byte> data)
    {
        data.Clear();

        // An ATAPI CD drive with a removable medium and packets of 12 bytes.
        Put(data, 0, 0x8580);
        PutText(data, 10, 10, "VIVARIUMCD");
        PutText(data, 23, 4, Revision);
        PutText(data, 27, 20, CdModel);
        Put(data, 49, 0x0F00);
        Put(data, 53, 0x0006);
        Put(data, 63, 0x0007);
        Put(data, 64, 0x0003);
        for (var word = 65; word <= 68; word++)
        {
            Put(data, word, 120);
        }

        Put(data, 76, (1 << 3) | (1 << 2) | (1 << 1));
        Put(data, 80, 0x01F0);
        Put(data, 82, (1 << 14) | (1 << 9) | (1 << 4));
        Put(data, 83, 1 << 14);
        Put(data, 84, 1 << 14);
        Put(data, 85, (1 << 14) | (1 << 9) | (1 << 4));
        Put(data, 87, 1 << 14);
        Put(data, 88, 0x203F);
        Put(data, 222, 0x1020);
        Seal(data);
    }

    private static void Put(Span<byte> data, int word, int value) => BinaryPrimitives.WriteUInt16LittleEndian(data[(2 * word)..], (ushort)value);

    /// <summary>Text in words whose first character is the high byte, filled with spaces.</summary>
    private static void PutText(Span<byte> data, int word, int wordCount, string text)
    {
        for (var i = 0; i < 2 * wordCount; i++)
        {
            data[(2 * word) + (i ^ 1)] = i < text.Length ? (byte)text[i] : (byte)' ';
        }
    }

    /// <summary>The signature and the byte that makes the sum zero.</summary>
    private static void Seal(Span<byte> data)
    {
        data[510] = 0xA5;
        byte sum = 0;
        foreach (var value in data[..511])
        {
            sum += value;
        }

        data[511] = (byte)-sum;
    }
}
