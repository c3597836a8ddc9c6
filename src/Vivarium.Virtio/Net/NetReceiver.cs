namespace Vivarium.Virtio;

/// <summary>
/// Where the network puts frames for the guest: drops what the driver does not want, and chooses the queue that the guest last sent on in the
/// same conversation. Any thread; a queue for each pair.
/// </summary>
internal sealed class NetReceiver : IFrameSink
{
    private const int FlowSlots = 1_024;
    private readonly FrameQueue[] _queues;

    /// <summary>For each conversation its pair. Two that meet in a slot share it; a torn choice does no harm.</summary>
    private readonly byte[] _flows = new byte[FlowSlots];
    private volatile ReceiveFilter _filter;
    private volatile int _activePairs = 1;
    private volatile bool _isOpen;
    private volatile int _capabilities;

    public NetReceiver(FrameQueue[] queues, ReceiveFilter filter)
    {
        _queues = queues;
        _filter = filter;
    }

    public FrameCapabilities Capabilities
    {
        get => (FrameCapabilities)_capabilities;
        set => _capabilities = (int)value;
    }

    public ReceiveFilter Filter
    {
        get => _filter;
        set => _filter = value;
    }

    public int ActivePairs
    {
        get => _activePairs;
        set => _activePairs = value;
    }

    /// <summary>Whether there is a driver; without one nothing waits for it.</summary>
    public bool IsOpen
    {
        get => _isOpen;
        set => _isOpen = value;
    }

    public void Send(ReadOnlySpan<EthernetFrame> frames)
    {
        if (!_isOpen)
        {
            EthernetFrame.Release(frames);
            return;
        }

        // Runs that go to one queue go at once.
        var filter = _filter;
        var pairs = _activePairs;
        var start = 0;
        var run = -1;
        for (var i = 0; i < frames.Length; i++)
        {
            var data = frames[i].Data;
            var target = !filter.Passes(data) ? -1 : pairs == 1 ? 0 : _flows[FlowHash.Of(data) % FlowSlots] % pairs;
            if (target != run || target < 0)
            {
                Hand(run, frames[start..i]);
                start = i;
                run = target;
            }
        }

        Hand(run, frames[start..]);
    }

    /// <summary>The guest sent this on a pair: answers go there.</summary>
    public void NoteSent(ReadOnlySpan<byte> frame, int pair) => _flows[FlowHash.Of(frame) % FlowSlots] = (byte)pair;

    private void Hand(int target, ReadOnlySpan<EthernetFrame> frames)
    {
        if (target >= 0)
        {
            _queues[target].Send(frames);
        }
        else
        {
            EthernetFrame.Release(frames);
        }
    }
}
