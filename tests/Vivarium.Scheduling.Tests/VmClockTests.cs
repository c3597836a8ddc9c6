using FsCheck.Xunit;

namespace Vivarium.Scheduling.Tests;

public sealed class VmClockTests
{
    private readonly ManualTime _time = new();
    private readonly VmTimerService _service;
    private readonly VmClock _clock;

    public VmClockTests()
    {
        _service = new VmTimerService(new HostClock(_time));
        _clock = new VmClock(_service, new Lock(), 5, exception => throw exception);
    }

    [Fact]
    public void Guest_time_stands_still_while_stopped()
    {
        _time.Advance(100);
        Assert.Equal(0, _clock.NowNs);
        _clock.Start();
        _time.Advance(100);
        Assert.Equal(100, _clock.NowNs);
        _clock.Stop();
        _clock.Stop();
        _time.Advance(1000);
        Assert.Equal(100, _clock.NowNs);
        _clock.Start();
        _clock.Start();
        _time.Advance(1);
        Assert.Equal(101, _clock.NowNs);
    }

    [Fact]
    public void The_wall_clock_catches_up_with_the_hosts_at_a_start_and_never_goes_back()
    {
        var host = 1000L;
        using var clock = new VmClock(_service, new Lock(), 900, exception => throw exception, () => host);
        Assert.Equal(900, clock.WallClockBaseNs);
        clock.Start();
        Assert.Equal(1000, clock.WallClockBaseNs);
        _time.Advance(50);
        clock.Stop();
        host = 1450;
        clock.Start();
        Assert.Equal((1400L, 50L), (clock.WallClockBaseNs, clock.NowNs));
        clock.Stop();
        host = 3;
        clock.Start();
        Assert.Equal(1400, clock.WallClockBaseNs);
    }

    [Fact]
    public void A_timer_fires_once_and_not_while_stopped()
    {
        var fired = 0;
        using var timer = _clock.CreateTimer(() => fired++);
        timer.Arm(50);
        _time.Advance(100);
        Drain();
        Assert.Equal(0, fired);
        _clock.Start();
        _time.Advance(49);
        Drain();
        Assert.Equal(0, fired);
        Assert.Equal(50, timer.DeadlineNs);
        _time.Advance(1);
        Drain();
        Drain();
        Assert.Equal(1, fired);
        Assert.Equal(long.MaxValue, timer.DeadlineNs);
    }

    [Fact]
    public void A_timer_disarmed_by_another_that_fires_with_it_does_not_fire()
    {
        var fired = new List<string>();
        IVmTimer? second = null;
        using var first = _clock.CreateTimer(() =>
        {
            fired.Add("first");
            second!.Disarm();
        });
        second = _clock.CreateTimer(() => fired.Add("second"));
        first.Arm(10);
        second.Arm(11);
        _clock.Start();
        _time.Advance(20);
        Drain();
        Assert.Equal(["first"], fired);
    }

    [Fact]
    public void A_guest_whose_timer_is_always_late_does_not_keep_others_from_their_turn()
    {
        var other = new VmClock(_service, new Lock(), 0, exception => throw exception);
        var late = 0;
        IVmTimer? hungry = null;
        hungry = _clock.CreateTimer(() =>
        {
            late++;
            hungry!.Arm(0);
        });
        var fired = false;
        using var patient = other.CreateTimer(() => fired = true);
        hungry.Arm(0);
        patient.Arm(5);
        _clock.Start();
        other.Start();
        for (var i = 0; i < 10; i++)
        {
            _time.Advance(1);
            _service.RunOne(out _);
        }

        Assert.True(fired);
        Assert.InRange(late, 1, 10);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue - 1)]
    [InlineData(long.MinValue)]
    [InlineData(-1)]
    public void Extreme_deadlines_fire_at_once_or_never(long deadlineNs)
    {
        var fired = 0;
        using var timer = _clock.CreateTimer(() => fired++);
        _clock.Start();
        timer.Arm(deadlineNs);
        _time.Advance(10);
        Drain();
        Assert.Equal(deadlineNs < 0 ? 1 : 0, fired);
    }

    [Property]
    public bool Timers_fire_in_order_however_they_are_armed(short[] deadlines, int seed)
    {
        var time = new ManualTime();
        var service = new VmTimerService(new HostClock(time));
        var clock = new VmClock(service, new Lock(), 0, exception => throw exception);
        var random = new Random(seed);
        var fired = new List<(int Index, long AtNs)>();
        var timers = deadlines.Select((_, index) => clock.CreateTimer(() => fired.Add((index, clock.NowNs)))).ToArray();
        var expected = new Dictionary<int, long>();
        for (var i = 0; i < deadlines.Length; i++)
        {
            timers[i].Arm(random.Next(1000));
            timers[i].Arm(Math.Abs((long)deadlines[i]));
            expected[i] = Math.Abs((long)deadlines[i]);
            var victim = random.Next(i + 1);
            if (random.Next(3) == 0)
            {
                timers[victim].Disarm();
                expected.Remove(victim);
            }
        }

        clock.Start();
        for (var step = 0; step <= 33; step++)
        {
            while (service.RunOne(out var _))
            {
            }

            time.Advance(1000);
        }

        return fired.Select(each => each.Index).Order().SequenceEqual(expected.Keys.Order()) &&
            fired.All(each => each.AtNs >= expected[each.Index] && each.AtNs <= expected[each.Index] + 1000);
    }

    [Fact]
    public void State_round_trips_and_refuses_negative_time()
    {
        _clock.Start();
        _time.Advance(77);
        _clock.Stop();
        var writer = new StateWriter();
        _clock.Save(writer);
        var other = new VmClock(_service, new Lock(), 0, _ => { });
        other.Restore(new StateReader("clock", 1, writer.WrittenMemory));
        Assert.Equal((77, 5), (other.NowNs, other.WallClockBaseNs));
        var bad = new StateWriter();
        bad.Write(1, -1L);
        bad.Write(2, 0L);
        Assert.Throws<StateFormatException>(() => other.Restore(new StateReader("clock", 1, bad.WrittenMemory)));
    }

    [Fact]
    public void The_real_service_fires_timers_and_delivers_events_in_order_under_the_device_lock()
    {
        using var service = new VmTimerService();
        var deviceLock = new Lock();
        using var clock = new VmClock(service, deviceLock, 0, exception => throw exception);
        using var queue = new VmEventQueue(service, deviceLock, exception => throw exception);
        var order = new List<int>();
        using var done = new ManualResetEventSlim();
        using var timer = clock.CreateTimer(() => Assert.True(deviceLock.IsHeldByCurrentThread));
        for (var i = 0; i < 1000; i++)
        {
            var value = i;
            queue.Post(() => order.Add(value));
        }

        clock.Start();
        queue.Start();
        timer.Arm(clock.NowNs + 1_000_000);
        using var last = clock.CreateTimer(() => queue.Post(done.Set));
        last.Arm(clock.NowNs + 2_000_000);
        Assert.True(done.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal(Enumerable.Range(0, 1000), order);
    }

    [Fact]
    public void Events_wait_while_stopped_and_stop_delivers_what_was_posted()
    {
        using var queue = new VmEventQueue(_service, new Lock(), exception => throw exception);
        var delivered = 0;
        queue.Post(() => delivered++);
        Drain();
        Assert.Equal(0, delivered);
        queue.Start();
        Drain();
        Assert.Equal(1, delivered);
        queue.Post(() => delivered++);
        queue.Stop();
        Assert.Equal(2, delivered);
    }

    private void Drain()
    {
        while (_service.RunOne(out _))
        {
        }
    }
}
