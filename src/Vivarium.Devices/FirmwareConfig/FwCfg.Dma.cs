using System.Buffers.Binary;

namespace Vivarium.Devices;

public sealed partial class FwCfg
{
    private const uint DmaError = 0x01;
    private const uint DmaRead = 0x02;
    private const uint DmaSkip = 0x04;
    private const uint DmaSelect = 0x08;
    private const uint DmaWrite = 0x10;
    private const int DmaRequestBytes = 16;
    private const int ChunkBytes = 4096;

    /// <summary>
    /// Carries out the request at an address: control, length and address, all big-endian. Its result replaces the control word.
    /// </summary>
    private void RunDma(ulong requestAddress)
    {
        Span<byte> request = stackalloc byte[DmaRequestBytes];
        if (!_memory.TryRead(requestAddress, request))
        {
            return;
        }

        var control = BinaryPrimitives.ReadUInt32BigEndian(request);
        var length = BinaryPrimitives.ReadUInt32BigEndian(request[4..]);
        var address = BinaryPrimitives.ReadUInt64BigEndian(request[8..]);
        if ((control & DmaSelect) != 0)
        {
            Select((ushort)(control >> 16));
        }

        var failed = false;
        if ((control & DmaRead) != 0)
        {
            failed = !TryCopy(address, length);
        }
        else if ((control & DmaWrite) != 0)
        {
            // No item here can be written.
            failed = true;
        }
        else if ((control & DmaSkip) != 0)
        {
            MoveOn(length);
        }

        Span<byte> result = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(result, failed ? DmaError : 0);
        _memory.TryWrite(requestAddress, result);
    }

    /// <summary>
    /// Copies from the selected item to guest memory. It stops at the first page that is not RAM, so it ends for any length.
    /// </summary>
    private bool TryCopy(ulong address, uint length)
    {
        Span<byte> chunk = stackalloc byte[ChunkBytes];
        for (var left = length; left > 0;)
        {
            var count = (int)Math.Min(left, ChunkBytes);
            Read(chunk[..count]);
            if (!_memory.TryWrite(address, chunk[..count]))
            {
                return false;
            }

            address = unchecked(address + (ulong)count);
            left -= (uint)count;
        }

        return true;
    }
}
