namespace Vivarium.Network;

/// <summary>
/// One direction of a port that is not a plain wire: faults first, then the rate limit. Its output runs under its lock, which keeps frames in
/// order; a port's ingress pacer may so take an egress pacer's lock, never the other way round.
/// </summary>
internal sealed class FramePacer : IDisposable
{
    private static readonly TimeSpan s_timerGrain = TimeSpan.FromMilliseconds(1);

    private readonly Lock _gate = new();
    private readonly PriorityQueue<EthernetFrame, (long DueNs, long Order)> _travelling = new();
    private readonly Queue<EthernetFrame> _waiting = new();
    private readonly NetworkClock _clock;
    private readonly PortCounters _counters;
    private readonly Action<EthernetFrame> _output;
    private readonly ITimer _timer;
    private LinkFaults? _faults;
    private RateLimit? _limit;
    private SeededRandom _random;
    private TokenBucket _frameTokens;
    private TokenBucket _byteTokens;
    private long _waitingBytes;
    private long _order;
    private long _lastDueNs;
    private bool _closed;

    public FramePacer(NetworkClock clock, PortCounters counters, Action<EthernetFrame> output)
    {
        _clock = clock;
        _counters = counters;
        _output = output;
        _timer = clock.CreateTimer(Run);
    }

    public LinkFaults? Faults
    {
        get => _faults;
        set
        {
            value?.Validate();
            lock (_gate)
            {
                _faults = value;
                _random = new SeededRandom(value?.Seed ?? 0);
                _lastDueNs = 0;
            }
        }
    }

    public RateLimit? Limit
    {
        get => _limit;
        set
        {
            value?.Validate();
            lock (_gate)
            {
                _limit = value;
                if (value is not null)
                {
                    var now = _clock.NowNs;
                    _frameTokens = new TokenBucket(value.FramesPerSecond, value.BurstFrames, now);
                    _byteTokens = new TokenBucket(value.BytesPerSecond, value.BurstBytes, now);
                }

                RunLocked();
            }
        }
    }

    public void Submit(ReadOnlySpan<EthernetFrame> frames)
    {
        lock (_gate)
        {
            foreach (var frame in frames)
            {
                if (_closed)
                {
                    frame.Release();
                }
                else if (_faults is null)
                {
                    Enqueue(frame);
                }
                else if (!FrameFinisher.Finish(frame, FrameCapabilities.All, this, static (pacer, pieces) => pacer.Impair(pieces)))
                {
                    _counters.Drop(DropReason.Malformed);
                }
            }

            RunLocked();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            Clear();
        }

        _timer.Dispose();
    }

    /// <summary>Drops what is on its way: the link went down.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            while (_travelling.TryDequeue(out var frame, out _) || _waiting.TryDequeue(out frame))
            {
                frame.Release();
            }

            _waitingBytes = 0;
        }
    }

    private void Impair(ReadOnlySpan<EthernetFrame> frames)
    {
        var faults = _faults!;
        foreach (var frame in frames)
        {
            // Each draw is made whether or not its fault is on: the choice of one fault does not change who meets another.
            var isLost = _random.NextDouble() < faults.Loss;
            var isTwice = _random.NextDouble() < faults.Duplication;
            var isCorrupt = _random.NextDouble() < faults.Corruption;
            var isLate = _random.NextDouble() < faults.Reordering;
            var jitter = (long)(_random.NextDouble() * faults.Jitter.Ticks);
            var bit = _random.Next();
            if (isLost)
            {
                _counters.Drop(DropReason.Fault);
                frame.Release();
                continue;
            }

            var sent = isCorrupt ? Corrupt(frame, bit) : frame;
            var dueNs = _clock.NowNs + ((faults.Delay.Ticks + jitter) * 100);
            if (isLate)
            {
                dueNs += faults.ReorderDelay.Ticks * 100;
            }
            else
            {
                dueNs = Math.Max(dueNs, _lastDueNs);
                _lastDueNs = dueNs;
            }

            if (isTwice)
            {
                sent.AddReference();
                Travel(sent, dueNs, faults);
            }

            Travel(sent, dueNs, faults);
        }
    }

    private static EthernetFrame Corrupt(EthernetFrame frame, ulong random)
    {
        if (frame.Length == 0)
        {
            return frame;
        }

        var copy = frame.Copy();
        frame.Release();
        var bit = (int)(random % (ulong)(copy.Length * 8));
        copy.Span[bit / 8] ^= (byte)(1 << (bit % 8));
        copy.Offload = default;
        return copy;
    }

    private void Travel(EthernetFrame frame, long dueNs, LinkFaults faults)
    {
        if (_travelling.Count >= faults.QueueFrames)
        {
            _counters.Drop(DropReason.Queue);
            frame.Release();
            return;
        }

        _travelling.Enqueue(frame, (dueNs, _order++));
    }

    private void Enqueue(EthernetFrame frame)
    {
        if (_limit is { } limit && (_waiting.Count >= limit.QueueFrames || _waitingBytes + frame.Length > limit.QueueBytes))
        {
            // A limit without a queue still lets through what it has tokens for.
            if (_waiting.Count > 0 || !CanSend(frame, _clock.NowNs))
            {
                _counters.Drop(DropReason.Queue);
                frame.Release();
                return;
            }
        }

        _waiting.Enqueue(frame);
        _waitingBytes += frame.Length;
        if (_waiting.Count == 1 || _limit is null)
        {
            SendWaiting(_clock.NowNs);
        }
    }

    private void Run()
    {
        lock (_gate)
        {
            if (!_closed)
            {
                RunLocked();
            }
        }
    }

    private void RunLocked()
    {
        var nowNs = _clock.NowNs;
        (long DueNs, long Order) due;
        while (_travelling.TryPeek(out _, out due) && due.DueNs <= nowNs)
        {
            Enqueue(_travelling.Dequeue());
        }

        SendWaiting(nowNs);
        var nextNs = _travelling.TryPeek(out _, out due) ? due.DueNs : long.MaxValue;
        if (_waiting.TryPeek(out var first))
        {
            nextNs = Math.Min(nextNs, nowNs + Math.Max(_frameTokens.WaitNs(FrameFinisher.CountPieces(first)), _byteTokens.WaitNs(first.Length)));
        }

        if (nextNs != long.MaxValue && !_closed)
        {
            var wait = TimeSpan.FromTicks(((nextNs - nowNs) / 100) + 1);
            _timer.Change(wait < s_timerGrain ? s_timerGrain : wait, Timeout.InfiniteTimeSpan);
        }
    }

    private void SendWaiting(long nowNs)
    {
        while (_waiting.TryPeek(out var frame) && CanSend(frame, nowNs))
        {
            _frameTokens.Take(FrameFinisher.CountPieces(frame));
            _byteTokens.Take(frame.Length);
            _waiting.Dequeue();
            _waitingBytes -= frame.Length;
            _output(frame);
        }
    }

    private bool CanSend(EthernetFrame frame, long nowNs) =>
        _limit is null || (_frameTokens.CanTake(FrameFinisher.CountPieces(frame), nowNs) & _byteTokens.CanTake(frame.Length, nowNs));
}
