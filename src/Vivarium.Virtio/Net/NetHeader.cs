using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>What stands in front of each frame in guest memory, <c>virtio_net_hdr</c> (Virtio 1.2 §5.1.6), and what it says about the frame.</summary>
internal static class NetHeader
{
    public const int Bytes = 12;
    private const byte NeedsChecksumFlag = 1;
    private const byte DataValidFlag = 2;
    private const byte EcnFlag = 0x80;
    private const int BufferCountOffset = 10;

    /// <summary>Reads what the driver left to do; false if it asks for something that was not agreed on.</summary>
    public static bool TryRead(ReadOnlySpan<byte> header, ulong features, out FrameOffload offload)
    {
        offload = default;
        var flags = header[0];
        var kind = (SegmentationKind)(header[1] & ~EcnFlag);
        var needed = kind switch
        {
            SegmentationKind.None => 0UL,
            SegmentationKind.Tcp4 => NetBits.HostTso4,
            SegmentationKind.Tcp6 => NetBits.HostTso6,
            SegmentationKind.Udp => NetBits.HostUso,
            _ => ulong.MaxValue,
        };
        var needsChecksum = (flags & NeedsChecksumFlag) != 0;
        needed |= needsChecksum ? NetBits.Checksum : 0;
        var segmentBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[4..]);
        if ((features & needed) != needed || (kind != SegmentationKind.None && (segmentBytes == 0 || !needsChecksum)))
        {
            return false;
        }

        offload = new FrameOffload
        {
            NeedsChecksum = needsChecksum,
            ChecksumStart = needsChecksum ? BinaryPrimitives.ReadUInt16LittleEndian(header[6..]) : (ushort)0,
            ChecksumOffset = needsChecksum ? BinaryPrimitives.ReadUInt16LittleEndian(header[8..]) : (ushort)0,
            Segmentation = kind,
            HasEcn = kind != SegmentationKind.None && (header[1] & EcnFlag) != 0,
            SegmentBytes = kind != SegmentationKind.None ? segmentBytes : (ushort)0,
            HeaderBytes = kind != SegmentationKind.None ? BinaryPrimitives.ReadUInt16LittleEndian(header[2..]) : (ushort)0,
        };
        return true;
    }

    /// <summary>Writes what the driver has to do, or need not.</summary>
    /// <param name="header">All of it is written.</param>
    /// <param name="offload">The frame's.</param>
    /// <param name="saysValid">Whether the driver believes checksums that the device calls right.</param>
    public static void Write(Span<byte> header, in FrameOffload offload, bool saysValid)
    {
        header[..Bytes].Clear();
        header[0] = offload.NeedsChecksum ? NeedsChecksumFlag : offload.ChecksumValid && saysValid ? DataValidFlag : (byte)0;
        header[1] = (byte)((byte)offload.Segmentation | (offload.HasEcn ? EcnFlag : 0));
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], offload.HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], offload.SegmentBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], offload.NeedsChecksum ? offload.ChecksumStart : (ushort)0);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], offload.NeedsChecksum ? offload.ChecksumOffset : (ushort)0);
        WriteBufferCount(header, 1);
    }

    /// <summary>Into how many buffers the frame went.</summary>
    public static void WriteBufferCount(Span<byte> header, int count) => BinaryPrimitives.WriteUInt16LittleEndian(header[BufferCountOffset..], (ushort)count);
}
