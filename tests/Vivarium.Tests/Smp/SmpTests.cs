using System.Diagnostics;
using System.Globalization;
using Vivarium.Scheduling;
using Vivarium.X86;

namespace Vivarium.Tests.Smp;

/// <summary>Processors that load one another: nothing is lost and nothing is stale. eng/check-smp.sh runs it for minutes.</summary>
public sealed class SmpTests(ITestOutputHelper output)
{
    private const int Rounds = 4_000;
    private static readonly TimeSpan s_standstill = TimeSpan.FromSeconds(60);

    private static double Minutes =>
        double.TryParse(Environment.GetEnvironmentVariable("VIVARIUM_SMP_MINUTES"), CultureInfo.InvariantCulture, out var minutes) ? minutes : 0;

    public static TheoryData<ExecutionEngine> Engines => EngineTests.Engines;

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Four_processors_send_as_many_interrupts_as_they_handle(ExecutionEngine engine)
    {
        const int cpus = 4;
        await using var vm = SmpGuest.Builder(engine, cpus).Build();
        SmpGuest.Load(vm, Minutes > 0 ? int.MaxValue : Rounds);
        await vm.StartAsync();
        await WatchAsync(vm, cpus);
        Check(vm, cpus, Minutes > 0 ? null : Rounds);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Two_and_many_processors_do(ExecutionEngine engine)
    {
        foreach (var cpus in (int[])[2, 12])
        {
            await using var vm = SmpGuest.Builder(engine, cpus).Build();
            SmpGuest.Load(vm, 300);
            await vm.StartAsync();
            await WatchAsync(vm, cpus);
            Check(vm, cpus, 300);
        }
    }

    [Theory]
    [InlineData(100)]
    [InlineData(7)]
    public async Task They_do_under_the_deterministic_scheduler_with_short_slices(int slice)
    {
        using var scheduler = new DeterministicScheduler(slice);
        await using var vm = SmpGuest.Builder(ExecutionEngine.Auto, 4).WithScheduler(scheduler).Build();
        SmpGuest.Load(vm, 200);
        await vm.StartAsync();
        await WatchAsync(vm, 4);
        Check(vm, 4, 200);
    }

    /// <summary>A processor may be anywhere when the machine pauses, and goes on in another machine, on the other engine.</summary>
    [Fact]
    public async Task They_go_on_from_snapshots_on_either_engine()
    {
        const int cpus = 4;
        var engine = ExecutionEngine.Interpreter;
        var vm = SmpGuest.Builder(engine, cpus).Build();
        try
        {
            SmpGuest.Load(vm, Rounds);
            await vm.StartAsync();
            var moves = 0;
            while (moves < 12 && vm.State != MachineState.Stopped)
            {
                await Task.Delay(20 + moves, TestContext.Current.CancellationToken);
                using var snapshot = new MemoryStream();
                try
                {
                    await vm.SaveAsync(snapshot, TestContext.Current.CancellationToken);
                }
                catch (InvalidOperationException) when (vm.State == MachineState.Stopped)
                {
                    break;
                }

                await vm.DisposeAsync();
                engine = engine == ExecutionEngine.Interpreter && Recompiler.IsSupported ? ExecutionEngine.Recompiler : ExecutionEngine.Interpreter;
                vm = SmpGuest.Builder(engine, cpus).Build();
                snapshot.Position = 0;
                await vm.RestoreAsync(snapshot, TestContext.Current.CancellationToken);
                await vm.StartAsync();
                moves++;
            }

            await WatchAsync(vm, cpus);
            Check(vm, cpus, Rounds);
            Assert.True(moves > 0);
        }
        finally
        {
            await vm.DisposeAsync();
        }
    }

    /// <summary>Waits for the end, which the host asks for after some minutes, and fails if a processor stands still.</summary>
    private async Task WatchAsync(VirtualMachine vm, int cpus)
    {
        var end = vm.WaitForShutdownAsync();
        var watch = Stopwatch.StartNew();
        var progress = Stopwatch.StartNew();
        var before = -1L;
        while (await Task.WhenAny(end, Task.Delay(200)) != end)
        {
            var done = Enumerable.Range(0, cpus).Sum(cpu => (long)Counter(vm, cpu, SmpCounters.Done));
            if (done != before)
            {
                before = done;
                progress.Restart();
            }

            Assert.True(progress.Elapsed < s_standstill, $"The processors stand still: {Describe(vm, cpus)}");
            if (Minutes > 0 && watch.Elapsed.TotalMinutes > Minutes)
            {
                vm.Memory.Write(SmpCounters.Rounds, 0);
            }
        }

        var reason = await end;
        var found = (SmpFailure)(reason.ExitCode >> 1);
        Assert.True(reason.Kind == ShutdownKind.DebugExit && found == SmpFailure.None, $"The guest found {found} ({reason.Kind}): {Describe(vm, cpus)}");
        output.WriteLine($"{vm.Engine}, {cpus} CPUs, {watch.Elapsed.TotalSeconds:F1} s: {Describe(vm, cpus)}");
    }

    private static void Check(VirtualMachine vm, int cpus, int? rounds)
    {
        uint Sum(int field) => (uint)Enumerable.Range(0, cpus).Sum(cpu => Counter(vm, cpu, field));
        uint Read(uint gpa) => vm.Memory.Read<uint>(gpa);
        var done = Sum(SmpCounters.Done);
        if (rounds is { } expected)
        {
            Assert.Equal((uint)(cpus * expected), done);
        }

        // Each round is one interrupt and its answer; each shoot-down is one for all others.
        Assert.Equal(Sum(SmpCounters.Sent), Sum(SmpCounters.Handled));
        Assert.Equal((2 * done) + (Sum(SmpCounters.Shoots) * (uint)(cpus - 1)), Sum(SmpCounters.Handled));
        Assert.Equal(Read(SmpCounters.Generation) - 2, Sum(SmpCounters.Shoots));
        Assert.Equal(0u, Read(SmpCounters.AcknowledgementsDue));
        Assert.Equal((done, done, done), (Read(SmpCounters.Increments), Read(SmpCounters.Pair), Read(SmpCounters.Pair + 4)));
        Assert.Equal((done, done), (Read(SmpCounters.Guarded), Read(SmpCounters.OtherGuarded)));
        Assert.Equal(done, Read(SmpCounters.Writes) + SmpGuest.MappedWrites(vm));
        Assert.Equal(Sum(SmpCounters.Splits), vm.Memory.Read<ushort>(SmpCounters.Split) + ((uint)vm.Memory.Read<ushort>(SmpCounters.Split + 2) << 16));
        for (var cpu = 0; cpu < cpus; cpu++)
        {
            Assert.Equal((byte)Counter(vm, cpu, SmpCounters.Done), vm.Memory.Read<byte>(SmpCounters.Bytes + (uint)cpu));
            Assert.Equal(0, Counter(vm, cpu, SmpCounters.Awaits));
        }
    }

    private static int Counter(VirtualMachine vm, int cpu, int field) =>
        vm.Memory.Read<int>(SmpCounters.Cpus + ((uint)cpu << SmpCounters.CpuShift) + (uint)field);

    private static string Describe(VirtualMachine vm, int cpus) => string.Join("; ", Enumerable.Range(0, cpus).Select(cpu =>
        $"CPU {cpu}: {Counter(vm, cpu, SmpCounters.Done)} rounds, {Counter(vm, cpu, SmpCounters.Sent)} sent, {Counter(vm, cpu, SmpCounters.Handled)} handled, {Counter(vm, cpu, SmpCounters.Shoots)} shoot-downs, awaits {Counter(vm, cpu, SmpCounters.Awaits)}"));
}
