using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using Vivarium.Scheduling;

namespace Vivarium.Debugging.Tests;

/// <summary>Whole machines under a client that speaks the protocol by hand.</summary>
public sealed class GdbServerTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);
    private const int RaxNumber = 0;
    private const int RipNumber = 16;

    public static TheoryData<ExecutionEngine> Engines => TestGuest.Engines;

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_machine_waits_for_its_client_and_stops_at_breakpoints(ExecutionEngine engine)
    {
        await using var vm = TestGuest.Create(engine);
        await vm.StartAsync();
        Assert.Equal(MachineState.Paused, vm.State);
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        Assert.Equal("T05thread:1;", await client.AskAsync("?"));
        Assert.Equal(TestGuest.Start, await ReadAsync(client, RipNumber));
        await client.AskAsync("qSupported:hwbreak+");
        Assert.Equal("OK", await client.AskAsync($"Z1,{TestGuest.Store:x},1"));
        for (var i = 1UL; i <= 3; i++)
        {
            Assert.Equal("T05thread:1;hwbreak:;", await client.AskAsync("vCont;c"));
            Assert.Equal((TestGuest.Store, i), (await ReadAsync(client, RipNumber), await ReadAsync(client, RaxNumber)));
            Assert.Equal("T05thread:1;", await client.AskAsync("vCont;s:1"));
            Assert.Equal(TestGuest.Jump, await ReadAsync(client, RipNumber));
            Assert.Equal(i, vm.Memory.Read<ulong>(TestGuest.Counter));
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_watch_names_its_address(ExecutionEngine engine)
    {
        await using var vm = TestGuest.Create(engine);
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        Assert.Equal("OK", await client.AskAsync($"Z2,{TestGuest.Counter:x},8"));
        for (var i = 1UL; i <= 3; i++)
        {
            Assert.Equal($"T05thread:1;watch:{TestGuest.Counter:x};", await client.AskAsync("c"));
            Assert.Equal((TestGuest.Jump, i), (await ReadAsync(client, RipNumber), vm.Memory.Read<ulong>(TestGuest.Counter)));
        }

        Assert.Equal("OK", await client.AskAsync($"z2,{TestGuest.Counter:x},8"));
        await client.SendAsync("c");
        await AssertCountsAsync(vm);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Control_C_stops_a_guest_that_runs(ExecutionEngine engine)
    {
        await using var vm = TestGuest.Create(engine);
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync("vCont;c");
            if (i % 4 == 0)
            {
                await AssertCountsAsync(vm);
            }

            await client.SendRawAsync("\u0003");
            Assert.Equal("T02thread:1;", await client.ReadAsync());
        }

        Assert.Equal(MachineState.Paused, vm.State);
    }

    [Fact]
    public async Task A_range_is_stepped_in_one_go()
    {
        await using var vm = TestGuest.Create(ExecutionEngine.Auto);
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        Assert.Equal("T05thread:1;", await client.AskAsync($"vCont;r{TestGuest.Start:x},{TestGuest.Jump:x}:1"));
        Assert.Equal((TestGuest.Jump, 1UL), (await ReadAsync(client, RipNumber), await ReadAsync(client, RaxNumber)));
    }

    [Fact]
    public async Task Clients_come_one_after_the_other()
    {
        await using var vm = TestGuest.Create(ExecutionEngine.Auto);
        await vm.StartAsync();
        using (var first = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint))
        {
            await first.AskAsync($"Z1,{TestGuest.Store:x},1");
            Assert.Equal("T05thread:1;", await first.AskAsync("c"));
            Assert.Equal("OK", await first.AskAsync("D"));
            await AssertCountsAsync(vm);
        }

        // One that vanishes in the middle of a packet, and while the guest stands.
        using (var second = await RspClient.ConnectAsync(vm.GdbServer.EndPoint))
        {
            Assert.Equal("T05thread:1;", await second.AskAsync("?"));
            await second.SendRawAsync("$m1000");
        }

        using (var third = await RspClient.ConnectAsync(vm.GdbServer.EndPoint))
        {
            Assert.Equal("T05thread:1;", await third.AskAsync("?"));
            await third.AskAsync($"Z1,{TestGuest.Start:x},1");
            await third.SendAsync("c");
            await AssertCountsAsync(vm);
        }

        // That one vanished while the guest ran, which goes on.
        await AssertCountsAsync(vm);
        using var fourth = await RspClient.ConnectAsync(vm.GdbServer.EndPoint);
        Assert.Equal("", await fourth.AskAsync("vMustReplyEmpty"));
        Assert.Equal(MachineState.Paused, vm.State);
    }

    [Fact]
    public async Task A_client_may_do_without_acknowledgements()
    {
        await using var vm = TestGuest.Create(ExecutionEngine.Auto);
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        await client.SendRawAsync("$qC#00");
        Assert.Equal(PacketEvent.Refused, await client.ReadEventAsync());
        await client.SendAsync("qC");
        Assert.Equal(PacketEvent.Acknowledged, await client.ReadEventAsync());
        Assert.Equal("QC1", await client.ReadAsync());
        await client.SendRawAsync("-");
        Assert.Equal("QC1", await client.ReadAsync());
        Assert.Equal("OK", await client.AskAsync("QStartNoAckMode"));
        await client.SendRawAsync("$qC#00");
        Assert.Equal(PacketEvent.Packet, await client.ReadEventAsync());
        await client.SendRawAsync("$" + new string('m', 100_000) + "#00");
        Assert.Equal("E16", await client.ReadAsync());
    }

    [Fact]
    public async Task Kill_ends_the_machine()
    {
        await using var vm = TestGuest.Create(ExecutionEngine.Auto);
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        Assert.Equal("OK", await client.AskAsync("vKill;1"));
        Assert.Equal(ShutdownKind.Stopped, (await vm.WaitForShutdownAsync().WaitAsync(TimeSpan.FromSeconds(90))).Kind);
        await Assert.ThrowsAsync<EndOfStreamException>(client.ReadAsync);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task The_end_of_a_guest_has_a_code(ExecutionEngine engine)
    {
        // mov al, 5; out 0F4h, al; hlt
        await using var vm = TestGuest.Create(engine, [0xB0, 0x05, 0xE6, 0xF4, 0xF4]);
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        Assert.Equal("W0b", await client.AskAsync("c"));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_triple_fault_can_be_looked_at(ExecutionEngine engine)
    {
        // ud2, without any gate
        await using var vm = TestGuest.Create(engine, [0x90, 0x0F, 0x0B]);
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        Assert.Equal("T0bthread:1;", await client.AskAsync("c"));
        Assert.Equal(TestGuest.Start + 1, await ReadAsync(client, RipNumber));
        Assert.Equal("W00", await client.AskAsync("c"));
        Assert.Equal(ShutdownKind.TripleFault, (await vm.WaitForShutdownAsync().WaitAsync(TimeSpan.FromSeconds(90))).Kind);
    }

    [Fact]
    public async Task Without_a_client_a_triple_fault_ends_the_machine()
    {
        await using var vm = TestGuest.Builder(ExecutionEngine.Auto, [0x0F, 0x0B])
            .WithGdbServer(new GdbServerOptions { Port = 0, StartsHalted = false }).Build();
        await vm.StartAsync();
        Assert.Equal(ShutdownKind.TripleFault, (await vm.WaitForShutdownAsync().WaitAsync(TimeSpan.FromSeconds(90))).Kind);
    }

    [Fact]
    public async Task A_client_may_come_before_the_start()
    {
        await using var vm = TestGuest.Create(ExecutionEngine.Auto);
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        Assert.Equal("OK", await client.AskAsync($"Z1,{TestGuest.Store:x},1"));
        await client.SendAsync("c");
        await client.SendRawAsync("\u0003");
        Assert.Equal("T02thread:1;", await client.ReadAsync());
        await client.SendAsync("c");

        // The server has seen the packet once it acknowledged it.
        Assert.Equal(PacketEvent.Acknowledged, await client.ReadEventAsync());
        await vm.StartAsync();
        Assert.Equal("T05thread:1;", await client.ReadAsync());
    }

    [Fact]
    public async Task A_reset_leaves_the_guest_at_its_first_instruction()
    {
        await using var vm = TestGuest.Create(ExecutionEngine.Auto);
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        await client.AskAsync($"Z1,{TestGuest.Store:x},1");
        await client.AskAsync("c");
        Assert.Equal("OK", await client.AskAsync("qRcmd," + HexText.Encode("reset")));
        Assert.Equal(TestGuest.Start, await ReadAsync(client, RipNumber));
        Assert.Equal("T05thread:1;", await client.AskAsync("c"));
        Assert.Equal(1UL, await ReadAsync(client, RaxNumber));
    }

    [Fact]
    public async Task One_of_two_processors_steps_alone_under_any_scheduler()
    {
        foreach (var scheduler in (IVcpuScheduler[])[new ThreadPerVcpuScheduler(), new WorkerPoolScheduler(1), new DeterministicScheduler()])
        {
            using (scheduler)
            {
                await using var vm = TestGuest.Builder(ExecutionEngine.Auto, TestGuest.Counting, cpus: 2).WithScheduler(scheduler)
                    .WithGdbServer(new GdbServerOptions { Port = 0 }).Build();
                await vm.StartAsync();
                using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
                Assert.Equal("m1,2", await client.AskAsync("qfThreadInfo"));
                for (var i = 0; i < 50; i++)
                {
                    Assert.Equal("T05thread:1;", await client.AskAsync(i % 2 == 0 ? "vCont;s:1" : "vCont;s:1;c"));
                }

                // It waits for its startup, which does not come.
                await client.SendAsync("vCont;c:2");
                await client.SendRawAsync("\u0003");
                Assert.StartsWith("T02thread:", await client.ReadAsync(), StringComparison.Ordinal);
                Assert.Equal("OK", await client.AskAsync("Hg1"));
                Assert.Equal(17UL, await ReadAsync(client, RaxNumber));
            }
        }
    }

    /// <summary>Both processors meet breakpoints and watches all the time, often together: none is lost, none told twice.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Two_processors_lose_no_stop(ExecutionEngine engine)
    {
        // The second one is started by INIT and a startup IPI to page 8, then this one counts.
        byte[] start = [0xBF, 0x10, 0x03, 0xE0, 0xFE, 0xC7, 0x07, 0, 0, 0, 1, 0xBF, 0x00, 0x03, 0xE0, 0xFE, 0xC7, 0x07, 0x00, 0x45, 0, 0, 0xC7, 0x07, 0x08, 0x46, 0, 0];
        await using var vm = TestGuest.Create(engine, [.. start, .. TestGuest.Counting], cpus: 2);
        vm.Memory.TryWrite(0x8000, [0x40, 0xA3, 0x00, 0x88, 0xEB, 0xFA]); // inc ax; mov [8800h], ax; jmp 8000h
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        await client.AskAsync("qSupported:hwbreak+");
        await client.AskAsync($"Z1,{TestGuest.Store + (ulong)start.Length:x},1");
        await client.AskAsync("Z1,8001,1");
        await client.AskAsync("Z2,8800,2");
        var first = 0UL;
        var second = (Increments: 0UL, Stores: 0UL);
        var started = Stopwatch.GetTimestamp();
        while ((first < 20 || second.Stores < 20) && Stopwatch.GetElapsedTime(started) < s_patience)
        {
            switch (await client.AskAsync("vCont;c"))
            {
                case "T05thread:1;hwbreak:;":
                    Assert.Equal(++first, await ReadAsync(client, RaxNumber));
                    Assert.Equal("T05thread:1;", await client.AskAsync("vCont;s:1"));
                    break;
                case "T05thread:2;watch:8800;":
                    Assert.Equal((++second.Stores, second.Increments), (await ReadAsync(client, RaxNumber), second.Stores));
                    break;
                case var reply:
                    Assert.Equal("T05thread:2;", reply);
                    Assert.Equal((1UL, ++second.Increments), (await ReadAsync(client, RipNumber), await ReadAsync(client, RaxNumber)));
                    break;
            }
        }

        Assert.InRange(first, 20UL, ulong.MaxValue);
        Assert.InRange(second.Stores, 20UL, ulong.MaxValue);
    }

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        await using var vm = TestGuest.Create(ExecutionEngine.Auto);
        var port = vm.GdbServer!.EndPoint.Port;
        var failure = Assert.Throws<IOException>(() => TestGuest.Builder(ExecutionEngine.Auto, TestGuest.Counting)
            .WithGdbServer(new GdbServerOptions { Port = port }).Build());
        Assert.StartsWith($"gdb cannot be served at 127.0.0.1:{port}: another program listens there", failure.Message, StringComparison.Ordinal);
        Assert.Contains("dispose", Assert.Throws<InvalidOperationException>(() => vm.ServeGdb()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_can_be_replaced_and_the_machine_goes_on()
    {
        await using var vm = TestGuest.Builder(ExecutionEngine.Auto, TestGuest.Counting).Build();
        await vm.StartAsync();
        var first = vm.ServeGdb(new GdbServerOptions { Port = 0 });
        using (var client = await RspClient.ConnectAsync(first.EndPoint))
        {
            await client.SendAsync("vCont;c");
            await client.ReadEventAsync();
            await first.DisposeAsync();
            await AssertCountsAsync(vm);
        }

        var second = vm.ServeGdb(new GdbServerOptions { Port = 0 });
        Assert.Equal(IPAddress.Loopback, second.EndPoint.Address);
        using var next = await RspClient.ConnectAsync(second.EndPoint);
        Assert.Equal("QC1", await next.AskAsync("qC"));
    }

    [Fact]
    public async Task A_client_hears_of_a_disposed_machine()
    {
        var vm = TestGuest.Create(ExecutionEngine.Auto);
        await vm.StartAsync();
        using var client = await RspClient.ConnectAsync(vm.GdbServer!.EndPoint);
        await client.SendAsync("c");
        await client.ReadEventAsync();
        await AssertCountsAsync(vm);
        await vm.DisposeAsync();
        Assert.Equal("W00", await client.ReadAsync());
    }

    private static async Task<ulong> ReadAsync(RspClient client, int number) =>
        BinaryPrimitives.ReadUInt64LittleEndian(Convert.FromHexString(await client.AskAsync($"p{number:x}")));

    private static async Task AssertCountsAsync(VirtualMachine vm)
    {
        var before = vm.Memory.Read<ulong>(TestGuest.Counter);
        for (var i = 0; vm.Memory.Read<ulong>(TestGuest.Counter) == before; i++)
        {
            Assert.True(i < 3000, "The guest does not count.");
            await Task.Delay(10);
        }
    }
}
