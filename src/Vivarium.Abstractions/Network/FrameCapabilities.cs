namespace Vivarium;

/// <summary>What a receiver of frames can do itself. What it cannot, the switch does before it hands a frame over (virtio 1.2 §5.1.3).</summary>
[Flags]
public enum FrameCapabilities
{
    /// <summary>Whole frames with whole checksums only.</summary>
    None = 0,

    /// <summary>It completes TCP and UDP checksums: frames with <see cref="FrameOffload.NeedsChecksum"/>.</summary>
    Checksum = 1,

    /// <summary>It takes TCP over IPv4 in segments larger than the link's.</summary>
    Tcp4Segmentation = 2,

    /// <summary>It takes TCP over IPv6 in segments larger than the link's.</summary>
    Tcp6Segmentation = 4,

    /// <summary>It takes several UDP datagrams of equal size as one frame.</summary>
    UdpSegmentation = 8,

    /// <summary>All of them.</summary>
    All = Checksum | Tcp4Segmentation | Tcp6Segmentation | UdpSegmentation,
}
