namespace Vivarium.Virtio;

/// <content>From the guest to the network.</content>
public sealed partial class VirtioNet
{
    /// <summary>What a kick sends itself: an answer or a ping goes out at once, a burst does not hold the vCPU.</summary>
    private const int FramesPerKick = 4;
    private const long BytesPerKick = 8 << 10;
    private const long SentBytesPerTurn = 256 << 10;

    private readonly EthernetFrame[] _sent = new EthernetFrame[FramesPerTurn];

    /// <summary>The thread that hands frames to the network now, 0 if none does. Only that thread finds itself here, so no lock is needed.</summary>
    private int _handingThread;
    private NetQueue? _answered;

    private void Transmit(NetQueue transmit)
    {
        var queue = transmit.Queue;
        var frames = transmit.IsTurn ? FramesPerTurn : FramesPerKick;
        var bytes = transmit.IsTurn ? SentBytesPerTurn : BytesPerKick;
        var filled = 0;
        do
        {
            while (frames > 0 && bytes > 0 && queue.TryTake() is { } chain)
            {
                frames--;
                bytes -= chain.ReadableBytes;
                if (Read(queue, chain) is { } frame)
                {
                    if (_receiver.ActivePairs > 1)
                    {
                        _receiver.NoteSent(frame.Data, transmit.Pair);
                    }

                    _sent[filled++] = frame;
                }

                queue.Complete(chain, 0);
            }

            if (frames == 0 || bytes <= 0)
            {
                PostTurn(transmit);
                break;
            }
        }
        while (queue.RequestKick());
        Hand(_sent.AsSpan(0, filled));
        queue.SignalDriver();
        if (_answered is { } answered)
        {
            _answered = null;
            answered.Turn();
        }
    }

    /// <summary>
    /// Frames came for the guest. What is an answer to what it sends just now, such as the gateway's to a ping, is delivered before it goes on:
    /// that saves two threads' wake-ups. All else is left to the event queue, as whoever calls may hold another machine's lock.
    /// </summary>
    private void OnReadable(NetQueue receive)
    {
        if (_answered is null && Volatile.Read(ref _handingThread) == Environment.CurrentManagedThreadId)
        {
            _answered = receive;
        }
        else
        {
            Services.Events.Post(receive.Turn);
        }
    }

    /// <summary>Copies a frame out of guest memory; null if it cannot be sent.</summary>
    private EthernetFrame? Read(Virtqueue queue, DescriptorChain chain)
    {
        Span<byte> header = stackalloc byte[NetHeader.Bytes];
        if (!chain.TryRead(0, header))
        {
            queue.Break("a frame without room for its header");
            return null;
        }

        var length = chain.ReadableBytes - NetHeader.Bytes;
        if (length is < 14 or > EthernetFrame.MaxLengthBytes || !NetHeader.TryRead(header, DriverFeatures, out var offload))
        {
            return null;
        }

        var frame = _pool.Rent((int)length);
        if (!chain.TryRead(NetHeader.Bytes, frame.Span))
        {
            frame.Release();
            return null;
        }

        frame.Offload = offload;
        return frame;
    }

    private void Hand(Span<EthernetFrame> frames)
    {
        if (frames.IsEmpty)
        {
            return;
        }

        if (_output is { } output && _isLinkUp)
        {
            Volatile.Write(ref _handingThread, Environment.CurrentManagedThreadId);
            output.Send(frames);
            Volatile.Write(ref _handingThread, 0);
        }
        else
        {
            EthernetFrame.Release(frames);
        }

        frames.Clear();
    }
}
