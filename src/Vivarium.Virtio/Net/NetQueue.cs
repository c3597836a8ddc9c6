namespace Vivarium.Virtio;

/// <summary>One direction of a pair of queues: work on it is done in turns on the machine's event queue, not on a vCPU's thread.</summary>
internal sealed class NetQueue
{
    public NetQueue(VirtioDevice device, Virtqueue queue, int pair)
    {
        Queue = queue;
        Pair = pair;
        Turn = () =>
        {
            IsTurn = true;
            device.Work(queue);
            IsTurn = false;
        };
    }

    public Virtqueue Queue { get; }

    public int Pair { get; }

    /// <summary>Whether the event queue calls, not a vCPU.</summary>
    public bool IsTurn { get; private set; }

    public Action Turn { get; }

    /// <summary>Receive only: what is for the guest.</summary>
    public FrameQueue? Waiting { get; set; }

    /// <summary>Receive only: frames out of <see cref="Waiting"/> that the guest has no room for yet, from <see cref="NextFrame"/> to <see cref="FrameCount"/>.</summary>
    public EthernetFrame[] Frames { get; } = new EthernetFrame[VirtioNet.FramesPerTurn];

    public int NextFrame { get; set; }

    public int FrameCount { get; set; }

    /// <summary>Receive only: buffers taken for the next frame, not enough of them so far.</summary>
    public List<DescriptorChain> Held { get; } = [];

    /// <summary>How many bytes they hold.</summary>
    public long HeldBytes { get; set; }

    /// <summary>Drops what waits for the guest.</summary>
    public void Clear()
    {
        EthernetFrame.Release(Frames.AsSpan(NextFrame, FrameCount - NextFrame));
        Frames.AsSpan().Clear();
        NextFrame = 0;
        FrameCount = 0;
        Waiting?.Clear();
    }

    /// <summary>Leaves the buffers that were taken to the driver's ring.</summary>
    public void ReturnHeld()
    {
        for (var i = Held.Count - 1; i >= 0; i--)
        {
            Queue.Untake(Held[i]);
        }

        Held.Clear();
        HeldBytes = 0;
    }
}
