using System.Security.Cryptography;
using Vivarium.Scheduling;
using Vivarium.X86;

namespace Vivarium.Tests;

/// <summary>Machines under the deterministic scheduler: two runs are one, on either engine, whatever the host does meanwhile.</summary>
public sealed class DeterministicTests
{
    private static readonly DateTimeOffset s_start = new(2024, 5, 6, 7, 8, 9, TimeSpan.Zero);

    [Theory]
    [InlineData(10_000)]
    [InlineData(777)]
    [InlineData(1)]
    public async Task Two_runs_are_the_same_on_either_engine(int slice)
    {
        var first = await RunAsync(ExecutionEngine.Interpreter, slice);
        Assert.Equal(first, await RunAsync(ExecutionEngine.Interpreter, slice));
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        Assert.Equal(first, await RunAsync(ExecutionEngine.Recompiler, slice));
        Assert.Equal(first, await RunAsync(ExecutionEngine.Recompiler, slice));
    }

    [Fact]
    public async Task The_slice_and_the_randomness_make_a_difference()
    {
        var first = await RunAsync(ExecutionEngine.Auto, 1000);
        Assert.NotEqual(first.Memory, (await RunAsync(ExecutionEngine.Auto, 1001)).Memory);
        Assert.NotEqual(first.Memory, (await RunAsync(ExecutionEngine.Auto, 1000, seed: 2)).Memory);
    }

    [Fact]
    public async Task Pauses_change_nothing()
    {
        var first = await RunAsync(ExecutionEngine.Auto, 1000);
        var pauses = 0;
        var second = await RunAsync(ExecutionEngine.Auto, 1000, during: async vm =>
        {
            while (vm.State != MachineState.Stopped)
            {
                try
                {
                    await vm.PauseAsync();
                    await vm.ResumeAsync();
                    pauses++;
                }
                catch (InvalidOperationException)
                {
                    // It has ended meanwhile.
                }
            }
        });
        Assert.Equal(first, second);
        Assert.True(pauses > 0);
    }

    /// <summary>A snapshot has all of the machine: it is taken where a timer of the host's pauses it.</summary>
    [Fact]
    public async Task Snapshots_of_two_runs_are_the_same_to_the_byte()
    {
        var first = await SaveAsync(ExecutionEngine.Auto, 500_001);
        Assert.Equal(first, await SaveAsync(ExecutionEngine.Auto, 500_001));
        Assert.NotEqual(first, await SaveAsync(ExecutionEngine.Auto, 500_002));
    }

    [Fact]
    public async Task An_idle_machine_skips_to_its_timers()
    {
        using var scheduler = new DeterministicScheduler();
        await using var vm = new VirtualMachineBuilder().WithMemory(4 << 20).WithScheduler(scheduler)
            .WithBootLoader(new FlatBinaryLoader(new byte[] { 0xF4 })).Build();
        var rings = new List<long>();
        var done = new TaskCompletionSource();
        IVmTimer? timer = null;
        timer = vm.Clock.CreateTimer(() =>
        {
            rings.Add(vm.Clock.NowNs);
            timer!.Arm(vm.Clock.NowNs + 3_600_000_000_000);
            if (rings.Count == 100)
            {
                done.SetResult();
            }
        });
        timer.Arm(500);
        await vm.StartAsync();
        await done.Task.WaitAsync(TestMachine.Patience);
        await vm.StopAsync();
        Assert.Equal(Enumerable.Range(0, 100).Select(i => 500 + (i * 3_600_000_000_000)), rings.Take(100));
    }

    [Fact]
    public async Task Events_are_delivered_while_all_processors_wait()
    {
        using var scheduler = new DeterministicScheduler();
        await using var vm = new VirtualMachineBuilder().WithMemory(4 << 20).WithScheduler(scheduler).WithCpus(2)
            .WithBootLoader(new FlatBinaryLoader(new byte[] { 0xF4 })).Build();
        await vm.StartAsync();
        for (var i = 0; i < 1000; i++)
        {
            var delivered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            vm.Events.Post(delivered.SetResult);
            await delivered.Task.WaitAsync(TestMachine.Patience);
        }
    }

    [Fact]
    public void Another_timer_service_is_refused_with_a_sentence()
    {
        using var scheduler = new DeterministicScheduler();
        using var timers = new VmTimerService();
        var builder = DeterministicGuest.Builder(ExecutionEngine.Auto).WithScheduler(scheduler).WithTimerService(timers);
        Assert.EndsWith(".", Assert.Throws<InvalidOperationException>(builder.Build).Message, StringComparison.Ordinal);
    }

    private static async Task<Outcome> RunAsync(ExecutionEngine engine, long slice, byte seed = 1, Func<VirtualMachine, Task>? during = null)
    {
        using var scheduler = new DeterministicScheduler(slice);
        await using var vm = Build(engine, scheduler, seed);
        await vm.StartAsync();
        await (during?.Invoke(vm) ?? Task.CompletedTask).WaitAsync(TestMachine.Patience);
        Assert.Equal(new ShutdownReason(ShutdownKind.DebugExit, 41), await vm.WaitForShutdownAsync().WaitAsync(TestMachine.Patience));
        Assert.NotEqual(0, vm.Memory.Read<int>(DeterministicGuest.Hashes));
        Assert.NotEqual(0, vm.Memory.Read<int>(DeterministicGuest.Hashes + 4));
        Assert.NotEqual(0L, vm.Memory.Read<long>(DeterministicGuest.Log + (8 * 25)));
        var memory = new byte[4 << 20];
        for (var page = 0; page < memory.Length; page += 4096)
        {
            // There are holes.
            vm.Memory.TryRead((ulong)page, memory.AsSpan(page, 4096));
        }

        return new Outcome(Convert.ToHexString(SHA256.HashData(memory)), vm.Usage[0].Instructions, vm.Usage[1].Instructions, vm.Clock.NowNs);
    }

    private static async Task<byte[]> SaveAsync(ExecutionEngine engine, long atNs)
    {
        using var scheduler = new DeterministicScheduler(1000);
        await using var vm = Build(engine, scheduler, 1);
        var paused = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = vm.Clock.CreateTimer(() => paused.SetResult(vm.PauseAsync()));
        timer.Arm(atNs);
        await vm.StartAsync();
        await (await paused.Task.WaitAsync(TestMachine.Patience));
        Assert.Equal(atNs, vm.Clock.NowNs);
        using var snapshot = new MemoryStream();
        await vm.SaveAsync(snapshot);
        return snapshot.ToArray();
    }

    private static VirtualMachine Build(ExecutionEngine engine, DeterministicScheduler scheduler, byte seed)
    {
        var vm = DeterministicGuest.Builder(engine).WithScheduler(scheduler).WithWallClock(s_start).WithEntropy(new CountingEntropy(seed)).Build();
        DeterministicGuest.Load(vm);
        return vm;
    }

    private sealed record Outcome(string Memory, long FirstInstructions, long SecondInstructions, long NowNs);

    private sealed class CountingEntropy(byte seed) : IEntropySource
    {
        private uint _state = seed;

        public void Fill(Span<byte> destination)
        {
            foreach (ref var each in destination)
            {
                _state = (_state * 1_664_525) + 1_013_904_223;
                each = (byte)(_state >> 24);
            }
        }
    }
}
