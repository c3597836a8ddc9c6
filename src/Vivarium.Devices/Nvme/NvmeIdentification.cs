using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Devices;

/// <summary>The pages of 4 KiB that an NVMe controller says about itself (NVMe 1.4 §5.15).</summary>
internal static class NvmeIdentification
{
    public static void Controller(Span<byte> data, string serialNumber, int namespaceCount, int transferShift, int eventRequests, int errorEntries)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(data, 0x1B36);
        BinaryPrimitives.WriteUInt16LittleEndian(data[2..], 0x1AF4);
        PutText(data[4..24], serialNumber);
        PutText(data[24..64], "Vivarium NVMe");
        PutText(data[64..72], "1.0");
        data[72] = 6;
        data[77] = (byte)transferShift;
        BinaryPrimitives.WriteUInt32LittleEndian(data[80..], 0x0001_0400);
        data[259] = (byte)(eventRequests - 1);
        data[260] = 0x03;
        data[261] = 1 << 2;
        data[262] = (byte)(errorEntries - 1);
        BinaryPrimitives.WriteUInt16LittleEndian(data[266..], 0x157);
        BinaryPrimitives.WriteUInt16LittleEndian(data[268..], 0x175);

        // Entries of 64 and 16 bytes; dataset management and write-zeroes; a write cache.
        data[512] = 0x66;
        data[513] = 0x44;
        BinaryPrimitives.WriteInt32LittleEndian(data[516..], namespaceCount);
        BinaryPrimitives.WriteUInt16LittleEndian(data[520..], (1 << 2) | (1 << 3));
        data[525] = 1;
        Encoding.ASCII.GetBytes($"nqn.2024-01.dev.vivarium:nvme:{serialNumber}", data[768..]);
        BinaryPrimitives.WriteUInt16LittleEndian(data[2048..], 2500);
    }

    public static void Namespace(Span<byte> data, ulong blocks, int blockShift, IBlockBackend backend)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(data, blocks);
        BinaryPrimitives.WriteUInt64LittleEndian(data[8..], blocks);
        BinaryPrimitives.WriteUInt64LittleEndian(data[16..], blocks);

        // Thin; one format without metadata.
        data[24] = (byte)(backend.Capabilities.CanDiscard ? 1 : 0);
        data[99] = (byte)(backend.IsReadOnly ? 1 : 0);
        BinaryPrimitives.WriteUInt32LittleEndian(data[128..], (uint)blockShift << 16);
    }

    /// <summary>A UUID of the serial number and the namespace's.</summary>
    public static void NamespaceNames(Span<byte> data, string serialNumber, uint id)
    {
        data[0] = 3;
        data[1] = 16;
        Encoding.ASCII.GetBytes(serialNumber.AsSpan(0, Math.Min(12, serialNumber.Length)), data[4..]);
        BinaryPrimitives.WriteUInt32BigEndian(data[16..], id);
    }

    private static void PutText(Span<byte> field, string text)
    {
        field.Fill((byte)' ');
        Encoding.ASCII.GetBytes(text, field);
    }
}
