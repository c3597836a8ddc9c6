using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Network;

/// <summary>
/// Writes frames to a pcapng file of one Ethernet interface, with times in nanoseconds, little-endian (draft-ietf-opsawg-pcapng §4: section
/// header, interface description, enhanced packet blocks). Not thread-safe.
/// </summary>
public sealed class PcapngWriter
{
    private const ushort EthernetLink = 1;
    private readonly Stream _stream;
    private readonly byte[] _block = new byte[EthernetFrame.MaxLengthBytes + 128];

    /// <summary>Begins a file at the stream's position. The stream stays the caller's.</summary>
    public PcapngWriter(Stream stream, string interfaceName)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(interfaceName);
        _stream = stream;

        var block = _block.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], 0x1A2B_3C4D);
        BinaryPrimitives.WriteUInt16LittleEndian(block[12..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(block[14..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(block[16..], ulong.MaxValue);
        Write(0x0A0D_0D0A, 24);

        BinaryPrimitives.WriteUInt16LittleEndian(block[8..], EthernetLink);
        BinaryPrimitives.WriteUInt16LittleEndian(block[10..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], EthernetFrame.MaxLengthBytes);
        var name = Encoding.UTF8.GetBytes(interfaceName.Length <= 60 ? interfaceName : interfaceName[..60]);
        var end = Option(16, code: 2, name);
        end = Option(end, code: 9, [9]);
        Write(1, Option(end, code: 0, []));
    }

    /// <summary>Writes a frame.</summary>
    /// <param name="frame">From its Ethernet header on; at most <see cref="EthernetFrame.MaxLengthBytes"/> bytes.</param>
    /// <param name="unixNs">Nanoseconds since the Unix epoch, from 0.</param>
    /// <param name="direction">Which way it went.</param>
    /// <exception cref="IOException">The stream could not take it.</exception>
    public void Write(ReadOnlySpan<byte> frame, long unixNs, CaptureDirection direction)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frame.Length, EthernetFrame.MaxLengthBytes);
        ArgumentOutOfRangeException.ThrowIfNegative(unixNs);
        var block = _block.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], (uint)(unixNs >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(block[16..], (uint)unixNs);
        BinaryPrimitives.WriteInt32LittleEndian(block[20..], frame.Length);
        BinaryPrimitives.WriteInt32LittleEndian(block[24..], frame.Length);
        frame.CopyTo(block[28..]);
        var end = Pad(28 + frame.Length);
        if (direction != CaptureDirection.Unknown)
        {
            Span<byte> flags = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(flags, (uint)direction);
            end = Option(end, code: 2, flags);
            end = Option(end, code: 0, []);
        }

        Write(6, end);
    }

    /// <summary>Passes on what the stream holds back.</summary>
    public void Flush() => _stream.Flush();

    private int Option(int position, ushort code, ReadOnlySpan<byte> value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_block.AsSpan(position), code);
        BinaryPrimitives.WriteUInt16LittleEndian(_block.AsSpan(position + 2), (ushort)value.Length);
        value.CopyTo(_block.AsSpan(position + 4));
        return Pad(position + 4 + value.Length);
    }

    /// <summary>Zeros up to the next multiple of four.</summary>
    private int Pad(int position)
    {
        for (; position % 4 != 0; position++)
        {
            _block[position] = 0;
        }

        return position;
    }

    private void Write(uint type, int end)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_block, type);
        BinaryPrimitives.WriteInt32LittleEndian(_block.AsSpan(4), end + 4);
        BinaryPrimitives.WriteInt32LittleEndian(_block.AsSpan(end), end + 4);
        _stream.Write(_block, 0, end + 4);
    }
}
