namespace Vivarium;

/// <summary>How a large frame is to be cut (virtio 1.2 §5.1.6, <c>gso_type</c>).</summary>
public enum SegmentationKind : byte
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>TCP over IPv4.</summary>
    Tcp4 = 1,

    /// <summary>TCP over IPv6.</summary>
    Tcp6 = 4,

    /// <summary>UDP over IPv4 or IPv6, each piece a datagram of its own.</summary>
    Udp = 5,
}
