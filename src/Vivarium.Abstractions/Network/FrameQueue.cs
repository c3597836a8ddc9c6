namespace Vivarium;

/// <summary>
/// The receiving end of a device: a bounded queue that any thread fills and one consumer empties. What does not fit is dropped and counted, as
/// on a wire.
/// </summary>
public sealed class FrameQueue : IFrameSink
{
    private readonly Lock _gate = new();
    private readonly Action _readable;
    private readonly long _maxBytes;
    private readonly int _maxFrames;
    private EthernetFrame[] _ring;
    private int _head;
    private int _count;
    private long _bytes;
    private long _dropped;
    private bool _armed = true;
    private bool _closed;

    /// <summary>Creates an empty queue.</summary>
    /// <param name="readable">
    /// Called outside any lock of the queue when frames arrive after <see cref="Receive"/> found no more. It runs on the sender's thread and
    /// must do no more than ask for the consumer to run, such as <c>() => events.Post(device.Receive)</c>.
    /// </param>
    /// <param name="maxFrames">Frames it holds at most, from 1.</param>
    /// <param name="maxBytes">Bytes of frames it holds at most, from 1.</param>
    public FrameQueue(Action readable, int maxFrames = 1_024, long maxBytes = 4L << 20)
    {
        ArgumentNullException.ThrowIfNull(readable);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxFrames, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1);
        _readable = readable;
        _maxFrames = maxFrames;
        _maxBytes = maxBytes;
        _ring = new EthernetFrame[Math.Min(maxFrames, 64)];
    }

    /// <inheritdoc/>
    public FrameCapabilities Capabilities { get; set; }

    /// <summary>Frames that wait.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Frames that did not fit, since the queue was made.</summary>
    public long DroppedFrames => Volatile.Read(ref _dropped);

    /// <inheritdoc/>
    public void Send(ReadOnlySpan<EthernetFrame> frames)
    {
        var taken = 0;
        var call = false;
        lock (_gate)
        {
            while (taken < frames.Length && !_closed && _count < _maxFrames && _bytes + frames[taken].Length <= _maxBytes)
            {
                if (_count == _ring.Length)
                {
                    Grow();
                }

                var place = _head + _count;
                _ring[place < _ring.Length ? place : place - _ring.Length] = frames[taken];
                _bytes += frames[taken].Length;
                _count++;
                taken++;
            }

            if (taken > 0 && _armed)
            {
                _armed = false;
                call = true;
            }

            _dropped += frames.Length - taken;
        }

        if (taken < frames.Length)
        {
            EthernetFrame.Release(frames[taken..]);
        }

        if (call)
        {
            _readable();
        }
    }

    /// <summary>
    /// Takes the oldest frames, with their references. A result shorter than <paramref name="frames"/> says that the queue is empty and that
    /// the consumer will be called when it is not.
    /// </summary>
    public int Receive(Span<EthernetFrame> frames)
    {
        lock (_gate)
        {
            var count = Math.Min(_count, frames.Length);
            for (var i = 0; i < count; i++)
            {
                frames[i] = _ring[_head];
                _ring[_head] = null!;
                _bytes -= frames[i].Length;
                _head = _head + 1 == _ring.Length ? 0 : _head + 1;
            }

            _count -= count;
            _armed |= count < frames.Length;
            return count;
        }
    }

    /// <summary>Releases what waits; the queue goes on. For a reset.</summary>
    public void Clear() => Clear(close: false);

    /// <summary>Releases what waits, and drops all that comes from now on.</summary>
    public void Close() => Clear(close: true);

    private void Clear(bool close)
    {
        lock (_gate)
        {
            _closed |= close;
            for (; _count > 0; _count--)
            {
                _ring[_head].Release();
                _ring[_head] = null!;
                _head = _head + 1 == _ring.Length ? 0 : _head + 1;
            }

            _bytes = 0;
            _armed = true;
        }
    }

    private void Grow()
    {
        var larger = new EthernetFrame[Math.Min(_maxFrames, _ring.Length * 2)];
        _ring.AsSpan(_head).CopyTo(larger);
        _ring.AsSpan(0, _head).CopyTo(larger.AsSpan(_ring.Length - _head));
        _ring = larger;
        _head = 0;
    }
}
