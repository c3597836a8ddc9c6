namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>Keeps what it is sent.</summary>
internal sealed class FrameRecorder : IFrameSink
{
    public List<(byte[] Data, FrameOffload Offload)> Frames { get; } = [];

    /// <summary>Counts only, where the test looks at allocations.</summary>
    public bool CountsOnly { get; set; }

    public int Count { get; private set; }

    public FrameCapabilities Capabilities => FrameCapabilities.All;

    public void Send(ReadOnlySpan<EthernetFrame> frames)
    {
        Count += frames.Length;
        if (!CountsOnly)
        {
            foreach (var frame in frames)
            {
                Frames.Add((frame.Data.ToArray(), frame.Offload));
            }
        }

        EthernetFrame.Release(frames);
    }
}
