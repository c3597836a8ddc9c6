namespace Vivarium.Scheduling;

/// <summary>
/// A machine's clock: guest time runs with the host's monotonic clock while the machine runs and stands still while it is paused. Its timers
/// are fired by a <see cref="VmTimerService"/> with the device lock held. Created stopped, at time 0.
/// </summary>
public sealed partial class VmClock : IVmClock, IDisposable
{
    private readonly Lock _gate = new();
    private readonly DeadlineHeap<VmTimer> _timers = new();
    private readonly List<VmTimer> _due = [];
    private readonly Client _client;
    private readonly VmTimerService _service;
    private readonly Lock _deviceLock;
    private readonly Action<Exception> _onFailed;
    private readonly Func<long>? _hostWallClockNs;
    private volatile TimeBase _base = new(IsRunning: false, OffsetNs: 0);

    /// <summary>Creates the clock.</summary>
    /// <param name="service">Fires the timers.</param>
    /// <param name="deviceLock">The machine's device lock, held around every callback.</param>
    /// <param name="wallClockBaseNs">Nanoseconds since the Unix epoch that guest time 0 stands for.</param>
    /// <param name="onFailed">Hears of an exception from a timer's callback, which is a defect of a device. Must only take note.</param>
    /// <param name="hostWallClockNs">
    /// Tells nanoseconds since the Unix epoch. The wall clock catches up with it whenever the clock starts, after a pause or a restore; it never goes
    /// back. Default null: the wall clock stands still with guest time.
    /// </param>
    public VmClock(VmTimerService service, Lock deviceLock, long wallClockBaseNs, Action<Exception> onFailed, Func<long>? hostWallClockNs = null)
    {
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(onFailed);
        _service = service;
        _deviceLock = deviceLock ?? throw new ArgumentNullException(nameof(deviceLock));
        _onFailed = onFailed;
        WallClockBaseNs = wallClockBaseNs;
        _hostWallClockNs = hostWallClockNs;
        _client = new Client(this);
    }

    /// <inheritdoc/>
    public long NowNs
    {
        get
        {
            var timeBase = _base;
            return timeBase.IsRunning ? _service.Clock.NowNs + timeBase.OffsetNs : timeBase.OffsetNs;
        }
    }

    /// <inheritdoc/>
    public long WallClockBaseNs { get; private set; }

    /// <inheritdoc/>
    public IVmTimer CreateTimer(Action callback)
    {
        ArgumentNullException.ThrowIfNull(callback);
        return new VmTimer(this, callback);
    }

    /// <summary>Leaves the timer service. Timers fire no more.</summary>
    public void Dispose()
    {
        Stop();
        _service.Remove(_client);
    }

    private void Arm(VmTimer timer, long deadlineNs)
    {
        lock (_gate)
        {
            timer.IsDue = false;
            _timers.Set(timer, deadlineNs);
            if (!ReferenceEquals(_timers.First, timer))
            {
                return;
            }
        }

        RequestService();
    }

    private void Disarm(VmTimer timer)
    {
        lock (_gate)
        {
            timer.IsDue = false;
            _timers.Remove(timer);
        }
    }

    private void RequestService()
    {
        if (_client.NextDeadlineNs is var next and < long.MaxValue)
        {
            _service.Request(_client, next);
        }
    }

    private void FireDue()
    {
        try
        {
            lock (_deviceLock)
            {
                TakeDue();
                foreach (var timer in _due)
                {
                    if (timer.TakeDue(_gate))
                    {
                        timer.Callback();
                    }
                }
            }
        }
        catch (Exception exception)
        {
            _onFailed(exception);
        }
    }

    /// <summary>Moves what is due now into a list: a timer that its callback arms in the past waits for the next round.</summary>
    private void TakeDue()
    {
        _due.Clear();
        lock (_gate)
        {
            if (!_base.IsRunning)
            {
                return;
            }

            var nowNs = NowNs;
            while (_timers.First is { } first && first.HeapDeadlineNs <= nowNs)
            {
                _timers.Remove(first);
                first.IsDue = true;
                _due.Add(first);
            }
        }
    }

    /// <summary>Guest time is host time plus the offset while running, and the offset itself while stopped.</summary>
    private sealed record TimeBase(bool IsRunning, long OffsetNs);

    private sealed class Client(VmClock clock) : ServiceClient
    {
        public override long NextDeadlineNs
        {
            get
            {
                lock (clock._gate)
                {
                    var timeBase = clock._base;
                    return timeBase.IsRunning && clock._timers.First is { } first ? ToHostTime(first.HeapDeadlineNs, timeBase) : long.MaxValue;
                }
            }
        }

        public override void RunDue() => clock.FireDue();

        /// <summary>The guest chooses deadlines, so those near the end of time must not wrap into the past.</summary>
        private static long ToHostTime(long guestNs, TimeBase timeBase) =>
            timeBase.OffsetNs < 0 && guestNs > long.MaxValue + timeBase.OffsetNs ? long.MaxValue : guestNs - timeBase.OffsetNs;
    }

    private sealed class VmTimer(VmClock clock, Action callback) : DeadlineHeap<VmTimer>.Node, IVmTimer
    {
        public Action Callback { get; } = callback;

        /// <summary>Taken from the heap to be called; a re-arm or disarm before the call takes it back.</summary>
        public bool IsDue { get; set; }

        public long DeadlineNs
        {
            get
            {
                lock (clock._gate)
                {
                    return HeapDeadlineNs;
                }
            }
        }

        public void Arm(long deadlineNs) => clock.Arm(this, deadlineNs);

        public void Disarm() => clock.Disarm(this);

        public void Dispose() => clock.Disarm(this);

        public bool TakeDue(Lock gate)
        {
            lock (gate)
            {
                var wasDue = IsDue;
                IsDue = false;
                return wasDue;
            }
        }
    }
}
