namespace Vivarium.Network;

/// <summary>A running capture. It writes on a thread of the pool; what passes the port only waits here, within a bound. Any thread.</summary>
public sealed class FrameCapture : IDisposable, IThreadPoolWorkItem
{
    private const int MostWaiting = 8_192;
    private readonly Lock _gate = new();
    private readonly Lock _writeGate = new();
    private readonly Queue<(EthernetFrame Frame, long UnixNs, CaptureDirection Direction)> _waiting = new();
    private readonly PcapngWriter _writer;
    private readonly NetworkClock _clock;
    private readonly Action _stop;
    private bool _isScheduled;
    private bool _isClosed;

    internal FrameCapture(PcapngWriter writer, NetworkClock clock, Action stop)
    {
        _writer = writer;
        _clock = clock;
        _stop = stop;
    }

    /// <summary>Frames that the stream was too slow for.</summary>
    public long DroppedFrames { get; private set; }

    /// <summary>What ended the capture before its time: the stream could not be written.</summary>
    public IOException? Failure { get; private set; }

    /// <summary>Ends the capture and waits until all is written.</summary>
    public void Dispose()
    {
        _stop();
        lock (_gate)
        {
            _isClosed = true;
        }

        WriteWaiting();
    }

    void IThreadPoolWorkItem.Execute() => WriteWaiting();

    internal void Add(ReadOnlySpan<EthernetFrame> frames, CaptureDirection direction)
    {
        var schedule = false;
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            var unixNs = _clock.UnixNs;
            foreach (var frame in frames)
            {
                if (_waiting.Count >= MostWaiting)
                {
                    DroppedFrames++;
                    continue;
                }

                frame.AddReference();
                _waiting.Enqueue((frame, unixNs, direction));
            }

            schedule = !_isScheduled && _waiting.Count > 0;
            _isScheduled |= schedule;
        }

        if (schedule)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private void WriteWaiting()
    {
        lock (_writeGate)
        {
            while (true)
            {
                (EthernetFrame Frame, long UnixNs, CaptureDirection Direction) next;
                lock (_gate)
                {
                    if (!_waiting.TryDequeue(out next))
                    {
                        _isScheduled = false;
                        break;
                    }
                }

                Write(next.Frame, next.UnixNs, next.Direction);
            }

            Guard(_writer.Flush);
        }
    }

    private void Write(EthernetFrame frame, long unixNs, CaptureDirection direction)
    {
        if (Failure is null)
        {
            // The file should hold what a wire would: a checksum left to somebody else is completed.
            var shown = frame;
            if (frame.Offload is { NeedsChecksum: true, Segmentation: SegmentationKind.None } offload)
            {
                shown = frame.Copy();
                FrameFinisher.TryComplete(shown.Span, offload);
            }

            Guard(() => _writer.Write(shown.Data, unixNs, direction));
            if (shown != frame)
            {
                shown.Release();
            }
        }

        frame.Release();
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (IOException exception)
        {
            Fail(exception);
        }
        catch (ObjectDisposedException exception)
        {
            Fail(new IOException("The stream of a capture was closed while the capture went on: dispose the capture first.", exception));
        }
    }

    private void Fail(IOException exception)
    {
        lock (_gate)
        {
            Failure ??= exception;
            _isClosed = true;
        }

        _stop();
    }
}
