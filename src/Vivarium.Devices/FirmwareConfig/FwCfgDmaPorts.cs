using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>
/// The big-endian 64-bit DMA address register of fw_cfg. Writing its low half starts the request; reading gives "QEMU CFG".
/// </summary>
internal sealed class FwCfgDmaPorts(Action<ulong> run) : IPortDevice
{
    private const int RegisterBytes = 8;

    /// <summary>The high half of the next address.</summary>
    public uint HighHalf { get; set; }

    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = 0;
        if (offset + sizeBytes > RegisterBytes)
        {
            return IoResult.NoRegister;
        }

        var signature = "QEMU CFG"u8;
        for (var i = 0; i < sizeBytes; i++)
        {
            value |= (uint)signature[offset + i] << (8 * i);
        }

        return IoResult.Ok;
    }

    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (sizeBytes != 4 || offset is not (0 or 4))
        {
            return IoResult.BadSize;
        }

        var half = BinaryPrimitives.ReverseEndianness(value);
        if (offset == 0)
        {
            HighHalf = half;
        }
        else
        {
            var address = ((ulong)HighHalf << 32) | half;
            HighHalf = 0;
            run(address);
        }

        return IoResult.Ok;
    }
}
