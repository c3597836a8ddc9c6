using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>What a packet wants (Virtio 1.2 §5.10.6).</summary>
internal enum VsockOperation : ushort
{
    Invalid = 0,
    Request = 1,
    Response = 2,
    Reset = 3,
    Shutdown = 4,
    Data = 5,
    CreditUpdate = 6,
    CreditRequest = 7,
}

/// <summary>A packet's header (Virtio 1.2 §5.10.6).</summary>
internal readonly record struct VsockPacket(
    ulong SourceCid, ulong DestinationCid, uint SourcePort, uint DestinationPort, uint DataBytes, ushort Type, VsockOperation Operation, uint Flags, uint BufferBytes, uint ForwardedBytes)
{
    public const int Bytes = 44;
    public const ushort StreamType = 1;
    public const uint NoMoreReceiving = 1;
    public const uint NoMoreSending = 2;

    public static VsockPacket Parse(ReadOnlySpan<byte> raw) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(raw),
        BinaryPrimitives.ReadUInt64LittleEndian(raw[8..]),
        BinaryPrimitives.ReadUInt32LittleEndian(raw[16..]),
        BinaryPrimitives.ReadUInt32LittleEndian(raw[20..]),
        BinaryPrimitives.ReadUInt32LittleEndian(raw[24..]),
        BinaryPrimitives.ReadUInt16LittleEndian(raw[28..]),
        (VsockOperation)BinaryPrimitives.ReadUInt16LittleEndian(raw[30..]),
        BinaryPrimitives.ReadUInt32LittleEndian(raw[32..]),
        BinaryPrimitives.ReadUInt32LittleEndian(raw[36..]),
        BinaryPrimitives.ReadUInt32LittleEndian(raw[40..]));

    public void Write(Span<byte> raw)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(raw, SourceCid);
        BinaryPrimitives.WriteUInt64LittleEndian(raw[8..], DestinationCid);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[16..], SourcePort);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[20..], DestinationPort);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[24..], DataBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(raw[28..], Type);
        BinaryPrimitives.WriteUInt16LittleEndian(raw[30..], (ushort)Operation);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[32..], Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[36..], BufferBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[40..], ForwardedBytes);
    }
}
