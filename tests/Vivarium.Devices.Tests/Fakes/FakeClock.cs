namespace Vivarium.Devices.Tests.Fakes;

/// <summary>A clock that moves only when told, and fires timers in order of their deadlines while it moves.</summary>
internal sealed class FakeClock(long startNs = 0) : IVmClock
{
    private readonly List<FakeTimer> _timers = [];
    private long _nowNs = startNs;

    /// <summary>Each look moves it on by <see cref="HoldUpNs"/>.</summary>
    public long NowNs
    {
        get => _nowNs += HoldUpNs;
        private set => _nowNs = value;
    }

    /// <summary>How long the host is held up before each look at the clock.</summary>
    public long HoldUpNs { get; set; }

    public long WallClockBaseNs { get; set; } = 1_700_000_000_000_000_000;

    /// <summary>How many callbacks ran: a guest must not be able to make this grow without bound.</summary>
    public long FiredCount { get; private set; }

    public IVmTimer CreateTimer(Action callback)
    {
        var timer = new FakeTimer(callback);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Moves on by <paramref name="ns"/>. A timer fires with <see cref="NowNs"/> at its deadline.</summary>
    public void Advance(long ns)
    {
        var target = checked(NowNs + ns);
        while (_timers.Where(t => t.DeadlineNs <= target).MinBy(t => t.DeadlineNs) is { } next)
        {
            NowNs = Math.Max(NowNs, next.DeadlineNs);
            FiredCount++;
            next.Fire();
        }

        NowNs = target;
    }

    /// <summary>Moves on by <paramref name="ns"/>, and no timer fires yet.</summary>
    public void Delay(long ns) => NowNs = checked(NowNs + ns);

    /// <summary>Moves on by <paramref name="ns"/> at one jump: timers fire late, as on a busy host.</summary>
    public void Jump(long ns)
    {
        NowNs = checked(NowNs + ns);
        Advance(0);
    }

    private sealed class FakeTimer(Action callback) : IVmTimer
    {
        public long DeadlineNs { get; private set; } = long.MaxValue;

        public void Arm(long deadlineNs) => DeadlineNs = deadlineNs;

        public void Disarm() => DeadlineNs = long.MaxValue;

        public void Fire()
        {
            Disarm();
            callback();
        }

        public void Dispose() => Disarm();
    }
}
