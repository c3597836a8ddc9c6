using System.Buffers.Binary;

namespace Vivarium.Network;

/// <summary>What stands in front of each frame of a TAP device: <c>virtio_net_hdr</c> in the host's byte order (Virtio 1.2 §5.1.6, if_tun.h).</summary>
internal static class TapHeader
{
    public const int Bytes = 10;
    private const byte NeedsChecksum = 1;
    private const byte DataValid = 2;
    private const byte Ecn = 0x80;

    /// <summary>What the host left to do.</summary>
    public static FrameOffload Read(ReadOnlySpan<byte> header)
    {
        var kind = (SegmentationKind)(header[1] & ~Ecn);
        return new FrameOffload
        {
            NeedsChecksum = (header[0] & NeedsChecksum) != 0,
            ChecksumValid = (header[0] & DataValid) != 0,
            Segmentation = kind,
            HasEcn = (header[1] & Ecn) != 0,
            HeaderBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[2..]),
            SegmentBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[4..]),
            ChecksumStart = BinaryPrimitives.ReadUInt16LittleEndian(header[6..]),
            ChecksumOffset = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]),
        };
    }

    /// <summary>What is left to the host to do.</summary>
    public static void Write(Span<byte> header, in FrameOffload offload)
    {
        header[0] = offload.NeedsChecksum ? NeedsChecksum : offload.ChecksumValid ? DataValid : (byte)0;
        header[1] = (byte)((byte)offload.Segmentation | (offload.HasEcn ? Ecn : 0));
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], offload.HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], offload.SegmentBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], offload.NeedsChecksum ? offload.ChecksumStart : (ushort)0);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], offload.NeedsChecksum ? offload.ChecksumOffset : (ushort)0);
    }
}
