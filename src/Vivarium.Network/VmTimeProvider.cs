namespace Vivarium.Network;

/// <summary>
/// A machine's clock as a time provider, for a switch that belongs to one machine or to machines that are stepped together: its time stops with
/// the machine, and in deterministic runs its timers fire at the same instruction. Callbacks run with that machine's device lock held.
/// </summary>
public sealed class VmTimeProvider(IVmClock clock) : TimeProvider
{
    /// <inheritdoc/>
    public override long TimestampFrequency => 1_000_000_000;

    /// <inheritdoc/>
    public override long GetTimestamp() => clock.NowNs;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks((clock.WallClockBaseNs + clock.NowNs) / 100);

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new ClockTimer(clock, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class ClockTimer : ITimer
    {
        private readonly Lock _gate = new();
        private readonly IVmClock _clock;
        private readonly IVmTimer _timer;
        private readonly TimerCallback _callback;
        private readonly object? _state;
        private TimeSpan _period = Timeout.InfiniteTimeSpan;
        private bool _disposed;

        public ClockTimer(IVmClock clock, TimerCallback callback, object? state)
        {
            _clock = clock;
            _callback = callback;
            _state = state;
            _timer = clock.CreateTimer(Fire);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (_gate)
            {
                if (_disposed)
                {
                    return false;
                }

                _period = period;
                if (dueTime == Timeout.InfiniteTimeSpan)
                {
                    _timer.Disarm();
                }
                else
                {
                    _timer.Arm(_clock.NowNs + (dueTime.Ticks * 100));
                }

                return true;
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                _disposed = true;
                _timer.Dispose();
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Fire()
        {
            lock (_gate)
            {
                if (_disposed)
                {
                    return;
                }

                if (_period > TimeSpan.Zero)
                {
                    _timer.Arm(_clock.NowNs + (_period.Ticks * 100));
                }
            }

            _callback(_state);
        }
    }
}
