using System.Text;

namespace Vivarium.Tests;

public sealed class VirtualMachineTests
{
    private const ushort PowerPort = 0x700;

    [Fact]
    public async Task A_machine_starts_pauses_resumes_and_stops()
    {
        var states = new List<MachineState>();
        await using var vm = TestMachine.Idle().Build();
        vm.StateChanged += (_, state) => states.Add(state);
        Assert.Equal(MachineState.Created, vm.State);
        await Assert.ThrowsAsync<InvalidOperationException>(() => vm.ResumeAsync());
        await vm.StartAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => vm.StartAsync());
        await vm.PauseAsync();
        await vm.PauseAsync();
        var frozenNs = vm.Clock.NowNs;
        await Task.Delay(5);
        Assert.Equal(frozenNs, vm.Clock.NowNs);
        await vm.ResumeAsync();
        await vm.StopAsync();
        await vm.StopAsync();
        Assert.Equal(new ShutdownReason(ShutdownKind.Stopped), await vm.WaitForShutdownAsync());
        Assert.Equal([MachineState.Running, MachineState.Paused, MachineState.Running, MachineState.Stopped], states);
        await Assert.ThrowsAsync<InvalidOperationException>(() => vm.ResetAsync());
    }

    [Fact]
    public async Task Disposing_a_running_machine_ends_it_and_later_calls_say_so()
    {
        var vm = TestMachine.Idle().Build();
        await vm.StartAsync();
        await vm.DisposeAsync();
        await vm.DisposeAsync();
        Assert.Equal(ShutdownKind.Disposed, (await vm.WaitForShutdownAsync()).Kind);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => vm.StartAsync());
        Assert.Equal(0, await vm.Console.Output.ReadAsync(new byte[1]));
    }

    [Theory]
    [InlineData(0u, ShutdownKind.GuestPowerOff, 0)]
    [InlineData(21u, ShutdownKind.DebugExit, 43)]
    public async Task The_guest_ends_its_machine(uint value, ShutdownKind kind, int code)
    {
        await using var vm = TestMachine.Builder(Ask(value)).WithDevice(AttachPower).WithCpus(2).Build();
        await vm.StartAsync();
        Assert.Equal(new ShutdownReason(kind, code), await vm.WaitForShutdownAsync().WaitAsync(TestMachine.Patience));
        Assert.Equal(MachineState.Stopped, vm.State);
    }

    [Fact]
    public async Task A_triple_fault_ends_the_machine()
    {
        await using var vm = TestMachine.Builder(_ => VcpuExitReason.Shutdown).Build();
        await vm.StartAsync();
        Assert.Equal(ShutdownKind.TripleFault, (await vm.WaitForShutdownAsync().WaitAsync(TestMachine.Patience)).Kind);
    }

    [Fact]
    public async Task A_debug_stop_pauses_the_machine()
    {
        await using var vm = TestMachine.Builder(_ => VcpuExitReason.Debug).Build();
        var paused = new TaskCompletionSource();
        vm.StateChanged += (_, state) =>
        {
            if (state == MachineState.Paused)
            {
                paused.TrySetResult();
            }
        };
        await vm.StartAsync();
        await paused.Task.WaitAsync(TestMachine.Patience);
    }

    [Fact]
    public async Task The_guest_resets_its_machine_which_boots_anew()
    {
        var cpus = new List<ScriptedCpu>();
        var reset = new TaskCompletionSource();
        var first = true;
        await using var vm = TestMachine.Builder(
            cpu =>
            {
                if (!first)
                {
                    return VcpuExitReason.Halted;
                }

                first = false;
                cpu.Plan.Memory.Write(0x7C00, 0L);
                cpu.Plan.Memory.Write(0x9000, 99L);
                cpu.Plan.PortIo.WritePort(PowerPort, 4, 1);
                return VcpuExitReason.Budget;
            },
            cpus).WithDevice(AttachPower).Build();
        vm.WasReset += (_, _) => reset.TrySetResult();
        await vm.StartAsync();
        await reset.Task.WaitAsync(TestMachine.Patience);
        await vm.PauseAsync();
        Assert.Equal(2, cpus[0].Resets);
        Assert.Equal(0xF4, vm.Memory.Read<byte>(0x7C00));
        Assert.Equal(0, vm.Memory.Read<long>(0x9000));
    }

    [Fact]
    public async Task Port_92_closes_address_line_20_of_all_processors_until_a_reset()
    {
        var cpus = new List<ScriptedCpu>();
        await using var vm = TestMachine.Builder(
            cpu =>
            {
                cpu.Plan.PortIo.WritePort(0x92, 1, 0);
                return VcpuExitReason.Halted;
            },
            cpus).WithCpus(2).Build();
        Assert.All(cpus, cpu => Assert.True(cpu.IsA20Open));
        await vm.StartAsync();
        Assert.True(SpinWait.SpinUntil(() => cpus.TrueForAll(cpu => !cpu.IsA20Open), TestMachine.Patience));
        await vm.PauseAsync();
        await vm.ResetAsync();
        Assert.All(cpus, cpu => Assert.True(cpu.IsA20Open));
    }

    [Fact]
    public async Task A_failing_processor_is_reported_to_who_waits()
    {
        await using var vm = TestMachine.Builder(_ => throw new NotSupportedException("a defect")).Build();
        await vm.StartAsync();
        var exception = await Assert.ThrowsAsync<VirtualMachineException>(() => vm.WaitForShutdownAsync().WaitAsync(TestMachine.Patience));
        Assert.Contains("a defect", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failing_device_callback_is_reported_to_who_waits()
    {
        await using var vm = TestMachine.Idle().WithDevice(context =>
            context.Events.Post(() => throw new NotSupportedException("a device's defect"))).Build();
        await vm.StartAsync();
        await Assert.ThrowsAsync<VirtualMachineException>(() => vm.WaitForShutdownAsync().WaitAsync(TestMachine.Patience));
    }

    [Fact]
    public async Task Waiting_can_be_cancelled_without_ending_the_machine()
    {
        await using var vm = TestMachine.Idle().Build();
        await vm.StartAsync();
        using var cancellation = new CancellationTokenSource(20);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => vm.WaitForShutdownAsync(cancellation.Token));
        Assert.Equal(MachineState.Running, vm.State);
    }

    [Fact]
    public async Task The_console_carries_bytes_both_ways()
    {
        // The guest echoes what its serial port receives, in upper case.
        await using var vm = TestMachine.Builder(cpu =>
        {
            var io = cpu.Plan.PortIo;
            while ((io.ReadPort(0x3FD, 1) & 1) != 0)
            {
                io.WritePort(0x3F8, 1, (uint)char.ToUpperInvariant((char)io.ReadPort(0x3F8, 1)));
            }

            return VcpuExitReason.Budget;
        }).Build();
        await vm.StartAsync();
        var text = string.Concat(Enumerable.Repeat("hello, guest. ", 100));
        await vm.Console.Input.WriteAsync(Encoding.ASCII.GetBytes(text));
        var received = new byte[text.Length];
        await vm.Console.Output.ReadExactlyAsync(received).AsTask().WaitAsync(TestMachine.Patience);
        Assert.Equal(text.ToUpperInvariant(), Encoding.ASCII.GetString(received));
        await vm.StopAsync();
        Assert.Equal(0, await vm.Console.Output.ReadAsync(received));
    }

    [Fact]
    public async Task A_console_that_nobody_reads_keeps_the_newest_mebibyte()
    {
        await using var vm = TestMachine.Idle().Build();
        ICharacterSink sink = vm.Console;
        for (var i = 0; i < 3000; i++)
        {
            sink.Write(Encoding.ASCII.GetBytes($"{i:D4}" + new string('.', 996)));
        }

        var kept = new byte[1 << 20];
        await vm.Console.Output.ReadExactlyAsync(kept);
        Assert.Equal(3_000_000 - (1 << 20), vm.Console.DroppedBytes);
        Assert.Equal("2999", Encoding.ASCII.GetString(kept.AsSpan(kept.Length - 1000, 4)));
    }

    [Fact]
    public async Task Machines_share_a_scheduler_and_a_timer_service()
    {
        using var pool = new Scheduling.WorkerPoolScheduler(2);
        using var timers = new Scheduling.VmTimerService();
        var machines = Enumerable.Range(0, 20).Select(index => TestMachine.Builder(Ask(0)).WithDevice(AttachPower)
            .WithName($"vm{index}").WithScheduler(pool, new VmShare { Weight = index + 1 }).WithTimerService(timers).Build()).ToList();
        await Task.WhenAll(machines.Select(vm => vm.StartAsync()));
        await Task.WhenAll(machines.Select(vm => vm.WaitForShutdownAsync())).WaitAsync(TestMachine.Patience);
        Assert.All(machines, vm => Assert.True(vm.Usage[0].Instructions > 0));
        await Task.WhenAll(machines.Select(vm => vm.DisposeAsync().AsTask()));
    }

    private static Func<ScriptedCpu, VcpuExitReason> Ask(uint value) => cpu =>
    {
        cpu.Plan.PortIo.WritePort(PowerPort, 4, value);
        return VcpuExitReason.Budget;
    };

    private static void AttachPower(DeviceContext context) => context.MapPorts(PowerPort, 4, new PowerPortDevice(context.Power), "power");

    /// <summary>0 is power-off, 1 reset, others debug-exit.</summary>
    private sealed class PowerPortDevice(IPowerControl power) : IPortDevice
    {
        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            value = 0;
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value)
        {
            switch (value)
            {
                case 0:
                    power.RequestPowerOff();
                    break;
                case 1:
                    power.RequestReset();
                    break;
                default:
                    power.RequestDebugExit(value);
                    break;
            }

            return IoResult.Ok;
        }
    }
}
