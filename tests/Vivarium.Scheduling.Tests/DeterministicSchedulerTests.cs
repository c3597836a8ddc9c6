namespace Vivarium.Scheduling.Tests;

public sealed class DeterministicSchedulerTests
{
    private const int Slice = 100;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Turns_go_round_in_slices_to_the_instruction()
    {
        using var scheduler = new DeterministicScheduler(Slice);
        using var machine = scheduler.AddMachine("vm", new VmShare());
        var log = new List<(int Index, long At)>();
        var vcpus = Enumerable.Range(0, 3).Select(index => new SteppedVcpu(index) { OnStep = at => log.Add((index, at)), StopsAt = 1000 }).ToArray();
        await RunAllAsync(machine, vcpus);
        Assert.Equal(Enumerable.Range(0, 3000).Select(i => (i / Slice % 3, (long)((i / (3 * Slice) * Slice) + (i % Slice)))), log);
        Assert.Equal(0, vcpus.Sum(vcpu => vcpu.Overlaps));
    }

    [Fact]
    public async Task Timers_fire_between_the_instructions_that_they_are_due_between()
    {
        using var scheduler = new DeterministicScheduler(Slice);
        using var clock = new VmClock(scheduler.Timers, new Lock(), 0, _ => { });
        using var machine = scheduler.AddMachine("vm", new VmShare());
        var rings = new List<long>();
        var times = new List<long>();
        IVmTimer? armed = null;
        using var timer = clock.CreateTimer(() => rings.Add(clock.NowNs));
        using var other = armed = clock.CreateTimer(() =>
        {
            rings.Add(-clock.NowNs);
            if (rings.Count < 20)
            {
                armed!.Arm(clock.NowNs + 61);
            }
        });

        // One instruction in the middle of a slice reads the clock and arms a timer that is due before the slice ends.
        var vcpu = new SteppedVcpu(0) { StopsAt = 2000 };
        vcpu.OnStep = at =>
        {
            times.Add(clock.NowNs);
            if (at == 250)
            {
                timer.Arm(clock.NowNs + 7);
            }
        };
        other.Arm(33);
        clock.Start();
        await RunAllAsync(machine, vcpu);
        Assert.Equal(Enumerable.Range(0, 2000).Select(i => (long)i), times);
        Assert.Equal([257L], rings.Where(ring => ring > 0));
        Assert.Equal(Enumerable.Range(0, 19).Select(i => -33L - (61 * i)), rings.Where(ring => ring < 0));
    }

    [Fact]
    public async Task No_wake_up_is_lost()
    {
        using var scheduler = new DeterministicScheduler(Slice);
        using var machine = scheduler.AddMachine("vm", new VmShare());
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var received = 0;
        var vcpu = new SteppedVcpu(0) { Work = 0 };
        vcpu.OnStep = _ =>
        {
            vcpu.TakeWork();
            if (Interlocked.Increment(ref received) == 20_000)
            {
                done.SetResult();
            }
        };
        machine.AddVcpu(vcpu, new RecordingObserver()).Resume();
        for (var sent = 1; sent <= 20_000; sent++)
        {
            vcpu.AddWork();
            while (sent % 2 == 0 && Volatile.Read(ref received) < sent)
            {
                Thread.Yield();
            }
        }

        await done.Task.WaitAsync(s_patience);
    }

    [Fact]
    public async Task Pauses_leave_nobody_inside_and_the_order_as_it_is()
    {
        using var scheduler = new DeterministicScheduler(Slice);
        using var machine = scheduler.AddMachine("vm", new VmShare());
        var log = new List<int>();
        var vcpus = Enumerable.Range(0, 2).Select(index => new SteppedVcpu(index) { OnStep = _ => log.Add(index) }).ToArray();
        var schedules = vcpus.Select(vcpu => machine.AddVcpu(vcpu, new RecordingObserver())).ToArray();
        for (var i = 0; i < 200; i++)
        {
            Array.ForEach(schedules, schedule => schedule.Resume());
            Thread.SpinWait(200 * i);
            await Task.WhenAll(schedules.Select(schedule => schedule.PauseAsync())).WaitAsync(s_patience);
            Assert.DoesNotContain(vcpus, vcpu => vcpu.IsInside);
        }

        Assert.NotEmpty(log);
        Assert.All(log.Select((index, at) => (index, at)), step => Assert.Equal(step.at / Slice % 2, step.index));
        Assert.Equal(log.Count, schedules.Sum(schedule => schedule.Usage.Instructions));
    }

    [Fact]
    public async Task A_failure_is_reported_and_the_machine_stands_still()
    {
        using var scheduler = new DeterministicScheduler();
        using var machine = scheduler.AddMachine("vm", new VmShare());
        var observer = new RecordingObserver();
        machine.AddVcpu(new SteppedVcpu(0) { OnStep = _ => throw new InvalidOperationException("A defect.") }, observer).Resume();
        Assert.Equal("A defect.", (await observer.Failed.Task.WaitAsync(s_patience)).Message);
    }

    [Fact]
    public void What_cannot_be_deterministic_is_refused_with_a_sentence()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeterministicScheduler(0));
        using var scheduler = new DeterministicScheduler();
        using (var machine = scheduler.AddMachine("vm", new VmShare()))
        {
            Assert.EndsWith("(Parameter 'vcpu')", Assert.Throws<ArgumentException>(() => machine.AddVcpu(new FakeVcpu(0), new RecordingObserver())).Message, StringComparison.Ordinal);
            Assert.EndsWith(".", Assert.Throws<InvalidOperationException>(() => scheduler.AddMachine("other", new VmShare())).Message, StringComparison.Ordinal);
        }

        scheduler.AddMachine("other", new VmShare()).Dispose();
    }

    private static Task RunAllAsync(IVmSchedule machine, params SteppedVcpu[] vcpus)
    {
        var observers = vcpus.Select(_ => new RecordingObserver()).ToArray();
        var schedules = vcpus.Select((vcpu, i) => machine.AddVcpu(vcpu, observers[i])).ToArray();
        Array.ForEach(schedules, schedule => schedule.Resume());
        return Task.WhenAny(observers.Select(observer => observer.Stopped.Task)).WaitAsync(s_patience);
    }

    /// <summary>A vCPU that executes its instructions one by one and looks for stop requests between them.</summary>
    private sealed class SteppedVcpu(int index) : IExactVcpu
    {
        private int _inside;
        private int _work = 1;
        private int _stop;

        public int Index { get; } = index;

        public Action<long>? OnStep { get; set; }

        public long StopsAt { get; init; } = long.MaxValue;

        public int Overlaps { get; private set; }

        public bool IsInside => Volatile.Read(ref _inside) != 0;

        /// <summary>While it is 0 the vCPU is halted.</summary>
        public int Work
        {
            get => Volatile.Read(ref _work);
            init => _work = value;
        }

        public bool HasExactBudget => true;

        public ulong InstructionCount { get; private set; }

        public bool HasWork => Work != 0;

        public IVcpuWaker? Waker { get; set; }

        public void AddWork()
        {
            Interlocked.Increment(ref _work);
            Waker?.Wake();
        }

        public void TakeWork() => Interlocked.Decrement(ref _work);

        public void RequestStop() => Volatile.Write(ref _stop, 1);

        public VcpuExit Run(long instructionBudget)
        {
            Overlaps += Interlocked.Exchange(ref _inside, 1);
            var before = InstructionCount;
            var reason = VcpuExitReason.Budget;
            while ((long)(InstructionCount - before) < instructionBudget)
            {
                if (Interlocked.Exchange(ref _stop, 0) != 0)
                {
                    reason = VcpuExitReason.Stopped;
                    break;
                }

                if (!HasWork)
                {
                    reason = VcpuExitReason.Halted;
                    break;
                }

                if ((long)InstructionCount == StopsAt)
                {
                    reason = VcpuExitReason.Debug;
                    break;
                }

                OnStep?.Invoke((long)InstructionCount);
                InstructionCount++;
            }

            Volatile.Write(ref _inside, 0);
            return new VcpuExit(reason, (long)(InstructionCount - before));
        }
    }
}
