namespace Vivarium.Scheduling.Tests;

/// <summary>What every scheduler must do, run on both.</summary>
public sealed class SchedulerTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static TheoryData<bool> Kinds => [true, false];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task No_wake_up_is_lost(bool pool)
    {
        using var scheduler = Create(pool);
        using var machine = scheduler.AddMachine("vm", new VmShare());
        var vcpus = Enumerable.Range(0, 3).Select(index => new FakeVcpu(index)).ToArray();
        var done = new int[vcpus.Length];
        using var finished = new CountdownEvent(vcpus.Length);
        const int rounds = 20_000;
        foreach (var vcpu in vcpus)
        {
            vcpu.Script = _ =>
            {
                var count = 0;
                while (vcpu.TryTakeWork())
                {
                    count++;
                    if (++done[vcpu.Index] == rounds)
                    {
                        finished.Signal();
                    }
                    else
                    {
                        // The only source of work is the neighbour's turn: one wake-up lost and all stand still.
                        vcpus[(vcpu.Index + 1) % vcpus.Length].AddWork();
                    }
                }

                return new VcpuExit(VcpuExitReason.Halted, count);
            };
        }

        var schedules = vcpus.Select(vcpu => machine.AddVcpu(vcpu, new RecordingObserver())).ToList();
        schedules.ForEach(schedule => schedule.Resume());
        Assert.True(await Task.Run(() => finished.Wait(s_patience)));
        foreach (var schedule in schedules)
        {
            await schedule.PauseAsync().WaitAsync(s_patience);
            Assert.True(schedule.Usage.Instructions > 0);
        }

        Assert.All(vcpus, vcpu => Assert.Equal(0, vcpu.Overlaps));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_pause_from_many_threads_ends_with_nobody_inside(bool pool)
    {
        using var scheduler = Create(pool);
        using var machine = scheduler.AddMachine("vm", new VmShare());
        var vcpu = new FakeVcpu(0);
        vcpu.Script = _ =>
        {
            while (!vcpu.TakeStop())
            {
                Thread.SpinWait(20);
            }

            return new VcpuExit(VcpuExitReason.Stopped, 1);
        };
        var schedule = machine.AddVcpu(vcpu, new RecordingObserver());
        for (var round = 0; round < 200; round++)
        {
            schedule.Resume();
            if (round % 2 == 0)
            {
                SpinWait.SpinUntil(() => vcpu.IsInside, s_patience);
            }

            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(schedule.PauseAsync))).WaitAsync(s_patience);
            Assert.False(vcpu.IsInside);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Shutdown_and_failures_are_reported_and_leave_the_vcpu_parked(bool pool)
    {
        using var scheduler = Create(pool);
        using var machine = scheduler.AddMachine("vm", new VmShare());
        var observer = new RecordingObserver();
        var vcpu = new FakeVcpu(0) { Script = _ => new VcpuExit(VcpuExitReason.Shutdown, 3) };
        var schedule = machine.AddVcpu(vcpu, observer);
        schedule.Resume();
        Assert.Equal(VcpuExitReason.Shutdown, (await observer.Stopped.Task.WaitAsync(s_patience)).Reason);
        vcpu.Waker!.Wake();
        await schedule.PauseAsync().WaitAsync(s_patience);
        Assert.Equal(1, vcpu.Runs);
        vcpu.Script = _ => throw new InvalidOperationException("defect");
        schedule.Resume();
        Assert.Equal("defect", (await observer.Failed.Task.WaitAsync(s_patience)).Message);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_halted_vcpu_is_not_run_until_it_has_work(bool pool)
    {
        using var scheduler = Create(pool);
        using var machine = scheduler.AddMachine("vm", new VmShare());
        using var ran = new SemaphoreSlim(0);
        var vcpu = new FakeVcpu(0);
        vcpu.Script = _ =>
        {
            while (vcpu.TryTakeWork())
            {
                ran.Release();
            }

            return new VcpuExit(VcpuExitReason.Halted, 1);
        };
        var schedule = machine.AddVcpu(vcpu, new RecordingObserver());
        schedule.Resume();
        Assert.True(await ran.WaitAsync(s_patience));
        await Task.Delay(20);
        var runs = vcpu.Runs;
        await Task.Delay(50);
        Assert.Equal(runs, vcpu.Runs);
        Assert.True(schedule.Usage.IdleNs > 0);
        vcpu.AddWork();
        Assert.True(await ran.WaitAsync(s_patience));
        await schedule.PauseAsync().WaitAsync(s_patience);
        schedule.Resume();
        vcpu.AddWork();
        Assert.True(await ran.WaitAsync(s_patience));
    }

    [Fact]
    public async Task One_worker_divides_its_time_by_weight_cap_and_reservation()
    {
        var time = new ManualTime();
        using var scheduler = new WorkerPoolScheduler(1, time);
        VmShare[] shares =
        [
            new() { Weight = 100 },
            new() { Weight = 200 },
            new() { Weight = 400 },
            new() { Weight = 400, CapMilliCores = 100 },
            new() { Weight = 1, ReservationMilliCores = 200 },
        ];
        var machines = shares.Select((share, index) => scheduler.AddMachine($"vm{index}", share)).ToList();
        var schedules = machines.Select((machine, index) => machine.AddVcpu(new FakeVcpu(index, time), new RecordingObserver())).ToList();
        schedules.ForEach(schedule => schedule.Resume());
        var usages = await MeasureAsync(schedules);
        var total = (double)usages.Sum();
        Assert.InRange(usages[3] / total, 0.095, 0.105);
        Assert.InRange(usages[4] / total, 0.19, 0.215);
        Assert.InRange(usages[1] / (double)usages[0], 1.9, 2.1);
        Assert.InRange(usages[2] / (double)usages[0], 3.8, 4.2);
        machines[0].Share = new VmShare { Weight = 400 };
        machines[3].Share = new VmShare { Weight = 400, CapMilliCores = 300, ReservationMilliCores = 300 };
        usages = await MeasureAsync(schedules);
        total = usages.Sum();
        Assert.InRange(usages[3] / total, 0.285, 0.315);
        Assert.InRange(usages[2] / (double)usages[0], 0.95, 1.05);
        foreach (var schedule in schedules)
        {
            await schedule.PauseAsync().WaitAsync(s_patience);
        }

        Assert.True(schedules[0].Usage.StealNs > schedules[0].Usage.GuestNs);
    }

    [Theory]
    [InlineData(0, null, 0)]
    [InlineData(10_001, null, 0)]
    [InlineData(1, 0, 0)]
    [InlineData(1, 100, 101)]
    [InlineData(1, null, -1)]
    public void Impossible_shares_are_refused(int weight, int? cap, int reservation)
    {
        using var scheduler = new WorkerPoolScheduler(1);
        var share = new VmShare { Weight = weight, CapMilliCores = cap, ReservationMilliCores = reservation };
        Assert.Throws<ArgumentException>(() => scheduler.AddMachine("vm", share));
        using var machine = scheduler.AddMachine("vm", new VmShare());
        Assert.Throws<ArgumentException>(() => machine.Share = share);
    }

    [Fact]
    public void A_thread_per_vcpu_cannot_be_capped()
    {
        using var scheduler = new ThreadPerVcpuScheduler();
        Assert.Throws<ArgumentException>(() => scheduler.AddMachine("vm", new VmShare { CapMilliCores = 500 }));
    }

    private static async Task<long[]> MeasureAsync(List<IVcpuSchedule> schedules)
    {
        var before = schedules.Select(schedule => schedule.Usage.GuestNs).ToArray();
        while (schedules.Sum(schedule => schedule.Usage.GuestNs) - before.Sum() < 10_000_000_000)
        {
            await Task.Delay(5);
        }

        return [.. schedules.Select((schedule, index) => schedule.Usage.GuestNs - before[index])];
    }

    private static IVcpuScheduler Create(bool pool) => pool ? new WorkerPoolScheduler(2) : new ThreadPerVcpuScheduler();
}
