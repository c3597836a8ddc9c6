namespace Vivarium.Network.Tests;

/// <summary>A clock that goes on when a test says so, and fires its timers in their order.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private long _nowNs = 1_000_000_000;

    public override long TimestampFrequency => 1_000_000_000;

    public long NowNs
    {
        get
        {
            lock (_gate)
            {
                return _nowNs;
            }
        }
    }

    /// <summary>When the next timer fires, or null.</summary>
    public long? NextNs
    {
        get
        {
            lock (_gate)
            {
                return _timers.Count == 0 ? null : _timers.Min(timer => timer.DueNs);
            }
        }
    }

    public override long GetTimestamp() => NowNs;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddYears(50).AddTicks(NowNs / 100);

    public void Advance(TimeSpan by) => AdvanceTo(NowNs + (by.Ticks * 100));

    public void AdvanceTo(long endNs)
    {
        while (true)
        {
            ManualTimer? next;
            lock (_gate)
            {
                next = _timers.Where(timer => timer.DueNs <= endNs).MinBy(timer => timer.DueNs);
                if (next is null)
                {
                    _nowNs = Math.Max(_nowNs, endNs);
                    return;
                }

                _nowNs = Math.Max(_nowNs, next.DueNs);
                _timers.Remove(next);
            }

            next.Fire();
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class ManualTimer(ManualTime owner, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public long DueNs { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (owner._gate)
            {
                _period = period;
                owner._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    DueNs = owner._nowNs + (dueTime.Ticks * 100);
                    owner._timers.Add(this);
                }
            }

            return true;
        }

        public void Fire()
        {
            if (_period > TimeSpan.Zero)
            {
                Change(_period, _period);
            }

            callback(state);
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
