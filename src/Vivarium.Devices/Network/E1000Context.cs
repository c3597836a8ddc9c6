using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>What a context descriptor says about the frames behind it (the manual's §3.3.6).</summary>
internal readonly record struct E1000Context
{
    public const int Bytes = 10;

    public byte IpStart { get; init; }

    public byte IpChecksum { get; init; }

    public byte TransportStart { get; init; }

    public byte TransportChecksum { get; init; }

    public byte Command { get; init; }

    public byte HeaderBytes { get; init; }

    public ushort SegmentBytes { get; init; }

    public static E1000Context Read(ReadOnlySpan<byte> descriptor) => new()
    {
        IpStart = descriptor[0],
        IpChecksum = descriptor[1],
        TransportStart = descriptor[4],
        TransportChecksum = descriptor[5],
        Command = descriptor[11],
        HeaderBytes = descriptor[13],
        SegmentBytes = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[14..]),
    };

    /// <summary>
    /// Makes of a frame and what its descriptors ask for a frame that a switch understands: the IP header's checksum is completed here, TCP's and
    /// UDP's and the cutting into segments are left to the receiver. False if it cannot be.
    /// </summary>
    public bool TryApply(Span<byte> frame, byte options, bool isSegmented, out FrameOffload offload)
    {
        offload = default;
        var isIpv4 = (Command & E1000Bits.ContextIpv4) != 0;
        if (isSegmented)
        {
            return TrySegment(frame, isIpv4, out offload);
        }

        if ((options & E1000Bits.OptionIpChecksum) != 0 && !TryCompleteIp(frame))
        {
            return false;
        }

        if ((options & E1000Bits.OptionTransportChecksum) != 0)
        {
            if (TransportChecksum < TransportStart || TransportChecksum + 2 > frame.Length)
            {
                return false;
            }

            offload = new FrameOffload
            {
                NeedsChecksum = true,
                ChecksumStart = TransportStart,
                ChecksumOffset = (ushort)(TransportChecksum - TransportStart),
            };
        }

        return true;
    }

    /// <summary>The driver leaves the lengths of a frame to be cut open; whoever takes it whole needs them.</summary>
    private bool TrySegment(Span<byte> frame, bool isIpv4, out FrameOffload offload)
    {
        offload = default;
        var isTcp = (Command & E1000Bits.ContextTcp) != 0;
        var ipBytes = isIpv4 ? 20 : 40;
        if (!isTcp || SegmentBytes == 0 || TransportStart < IpStart + ipBytes || TransportChecksum < TransportStart || TransportChecksum + 2 > frame.Length
            || HeaderBytes < TransportStart + 20 || HeaderBytes > frame.Length || frame.Length - IpStart > ushort.MaxValue)
        {
            return false;
        }

        var ip = frame[IpStart..];
        var payload = frame.Length - TransportStart;
        uint sum;
        if (isIpv4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
            if (!TryCompleteIp(frame))
            {
                return false;
            }

            sum = Add(0, ip[12..20]);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(ip.Length - 40));
            sum = Add(0, ip[8..40]);
        }

        const uint Tcp = 6;
        sum = Fold(sum + Tcp + (uint)payload);
        BinaryPrimitives.WriteUInt16BigEndian(frame[TransportChecksum..], (ushort)sum);
        offload = new FrameOffload
        {
            NeedsChecksum = true,
            ChecksumStart = TransportStart,
            ChecksumOffset = (ushort)(TransportChecksum - TransportStart),
            Segmentation = frame.Length - HeaderBytes <= SegmentBytes ? SegmentationKind.None : isIpv4 ? SegmentationKind.Tcp4 : SegmentationKind.Tcp6,
            SegmentBytes = SegmentBytes,
            HeaderBytes = HeaderBytes,
        };
        return true;
    }

    private bool TryCompleteIp(Span<byte> frame)
    {
        if (TransportStart <= IpStart || TransportStart > frame.Length || IpChecksum < IpStart || IpChecksum + 2 > TransportStart)
        {
            return false;
        }

        frame[IpChecksum] = frame[IpChecksum + 1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(frame[IpChecksum..], (ushort)~Fold(Add(0, frame[IpStart..TransportStart])));
        return true;
    }

    /// <summary>Sums words in network order; an odd last byte has a zero behind it (RFC 1071).</summary>
    private static uint Add(uint sum, ReadOnlySpan<byte> data)
    {
        for (; data.Length > 1; data = data[2..])
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(data);
        }

        return data.IsEmpty ? sum : sum + ((uint)data[0] << 8);
    }

    private static uint Fold(uint sum)
    {
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (sum & 0xFFFF) + (sum >> 16);
    }
}
