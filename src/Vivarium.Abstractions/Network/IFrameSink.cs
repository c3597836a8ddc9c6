namespace Vivarium;

/// <summary>
/// A place that takes Ethernet frames: a switch port takes what a device sends, and a device takes what its port delivers. Any thread, with or
/// without a device lock held: an implementation queues within a bound, or drops, and returns at once. It never waits, never calls into a
/// machine, and never calls back into its caller.
/// </summary>
public interface IFrameSink
{
    /// <summary>What it can do itself. May change at any time; a frame on its way may still follow the old value.</summary>
    FrameCapabilities Capabilities { get; }

    /// <summary>
    /// Takes one reference of each frame, whatever becomes of it: the caller may not touch a frame afterwards unless it holds another
    /// reference. Their order is kept. The span itself is the caller's.
    /// </summary>
    void Send(ReadOnlySpan<EthernetFrame> frames);
}
