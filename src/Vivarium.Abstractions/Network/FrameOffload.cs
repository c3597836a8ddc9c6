namespace Vivarium;

/// <summary>
/// Work on a frame that its sender left to whoever needs it done: the fields of <c>virtio_net_hdr</c> (virtio 1.2 §5.1.6). The values may come
/// from a guest, so they are hints: whoever follows them checks them against the frame.
/// </summary>
public readonly record struct FrameOffload
{
    /// <summary>The field at <see cref="ChecksumOffset"/> holds the sum of the pseudo header only (<c>VIRTIO_NET_HDR_F_NEEDS_CSUM</c>).</summary>
    public bool NeedsChecksum { get; init; }

    /// <summary>The checksum is known to be right and need not be verified (<c>VIRTIO_NET_HDR_F_DATA_VALID</c>).</summary>
    public bool ChecksumValid { get; init; }

    /// <summary>How the frame is to be cut.</summary>
    public SegmentationKind Segmentation { get; init; }

    /// <summary>The TCP segment carries ECN bits (<c>VIRTIO_NET_HDR_GSO_ECN</c>).</summary>
    public bool HasEcn { get; init; }

    /// <summary>Where the checksum begins to count, in bytes from the start of the frame.</summary>
    public ushort ChecksumStart { get; init; }

    /// <summary>Where the checksum goes, in bytes from <see cref="ChecksumStart"/>.</summary>
    public ushort ChecksumOffset { get; init; }

    /// <summary>Bytes of payload in each piece.</summary>
    public ushort SegmentBytes { get; init; }

    /// <summary>Bytes of all headers, Ethernet's included, that each piece repeats; 0 if the sender did not say.</summary>
    public ushort HeaderBytes { get; init; }

    /// <summary>Whether a receiver must be able to do anything for this frame.</summary>
    public bool NeedsWork => NeedsChecksum || Segmentation != SegmentationKind.None;

    /// <summary>What a receiver must be able to do to take the frame as it is.</summary>
    public FrameCapabilities Required =>
        (NeedsChecksum ? FrameCapabilities.Checksum : FrameCapabilities.None) | Segmentation switch
        {
            SegmentationKind.None => FrameCapabilities.None,
            SegmentationKind.Tcp4 => FrameCapabilities.Tcp4Segmentation,
            SegmentationKind.Tcp6 => FrameCapabilities.Tcp6Segmentation,
            _ => FrameCapabilities.UdpSegmentation,
        };
}
