using System.Buffers.Binary;
using Vivarium.Bus;

namespace Vivarium.Tests.Pci;

/// <summary>The PCI bus in a whole machine.</summary>
public sealed class PciMachineTests
{
    private const ulong WindowGpa = 0xD000_0000;

    public static TheoryData<ExecutionEngine> Engines => EngineTests.Engines;

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_guest_finds_a_function_places_its_region_and_takes_its_message(ExecutionEngine engine)
    {
        Doorbell? doorbell = null;
        await using var vm = PciGuest.Builder(engine).WithPciFunction((_, host) => doorbell = new Doorbell(host), new PciAddress(9)).Build();
        PciGuest.Load(vm);
        await vm.StartAsync();
        var reason = await vm.WaitForShutdownAsync(new CancellationTokenSource(TestMachine.Patience).Token);
        Assert.Equal((ShutdownKind.DebugExit, PciGuest.Exit), (reason.Kind, reason.ExitCode));
        Assert.Equal(0x8000_4800u, Read(vm, PciGuest.Found));
        Assert.Equal((uint)Doorbell.RegionBytes, Read(vm, PciGuest.FoundSize));
        Assert.Equal(4u, Read(vm, PciGuest.PendingWhileMasked));
        Assert.Equal(PciGuest.RamValue, Read(vm, PciGuest.ReadOverRam));
        Assert.Equal((uint)PciGuest.Message, doorbell!.Sum);
    }

    [Fact]
    public async Task A_region_and_its_function_come_back_from_a_snapshot()
    {
        await using var vm = Build(out var mmio);
        Place(mmio());
        mmio().WriteMmio(PciGuest.Region, 4, 40);
        using var snapshot = new MemoryStream();
        await vm.SaveAsync(snapshot);
        await vm.ResetAsync();
        Assert.Equal(0xFFFF_FFFFu, mmio().ReadMmio(PciGuest.Region, 4));

        snapshot.Position = 0;
        await using var other = Build(out var otherMmio);
        await other.RestoreAsync(snapshot);
        otherMmio().WriteMmio(PciGuest.Region, 4, 2);
        Assert.Equal(42u, otherMmio().ReadMmio(PciGuest.Region, 4));
    }

    [Fact]
    public async Task Functions_get_the_lowest_free_slots_and_32_fit()
    {
        var builder = TestMachine.Idle();
        for (var i = 1; i < 32; i++)
        {
            var name = $"doorbell{i}";
            builder.WithPciFunction((_, host) => new Doorbell(host, name));
        }

        IMmioPort? mmio = null;
        builder.CpuFactory = plan =>
        {
            mmio = plan.MmioPort;
            return new ScriptedCpu(plan, _ => VcpuExitReason.Halted);
        };
        await using var vm = builder.Build();
        Assert.All(Enumerable.Range(1, 31), slot => Assert.Equal(Doorbell.Id, mmio!.ReadMmio(WindowGpa + ((ulong)slot << 15), 4)));
        Assert.Contains("32 slots", Assert.Throws<InvalidOperationException>(() =>
            Full().WithPciFunction((_, host) => new Doorbell(host, "one more")).Build()).Message, StringComparison.Ordinal);

        static VirtualMachineBuilder Full() => Enumerable.Range(1, 31)
            .Aggregate(TestMachine.Idle(), (each, i) => each.WithPciFunction((_, host) => new Doorbell(host, $"doorbell{i}")));
    }

    [Fact]
    public async Task A_machine_without_the_bus_has_nothing_there()
    {
        IMmioPort? mmio = null;
        IPortIo? ports = null;
        var builder = TestMachine.Idle().WithPci(false);
        builder.CpuFactory = plan =>
        {
            (mmio, ports) = (plan.MmioPort, plan.PortIo);
            return new ScriptedCpu(plan, _ => VcpuExitReason.Halted);
        };
        await using var vm = builder.Build();
        Assert.Equal(0xFFFF_FFFFu, mmio!.ReadMmio(WindowGpa, 4));
        ports!.WritePort(0xCF8, 4, 0x8000_0000);
        Assert.Equal(0xFFFF_FFFFu, ports.ReadPort(0xCF8, 4) | 0xFF00);
        var refused = Assert.Throws<InvalidOperationException>(() => TestMachine.Idle().WithPci(false).WithPciFunction((_, host) => new Doorbell(host)).Build());
        Assert.Contains("WithPci", refused.Message, StringComparison.Ordinal);
    }

    private static VirtualMachine Build(out Func<IMmioPort> mmio)
    {
        IMmioPort? port = null;
        var builder = TestMachine.Idle().WithPciFunction((_, host) => new Doorbell(host));
        builder.CpuFactory = plan =>
        {
            port = plan.MmioPort;
            return new ScriptedCpu(plan, _ => VcpuExitReason.Halted);
        };
        mmio = () => port!;
        return builder.Build();
    }

    private static void Place(IMmioPort mmio)
    {
        mmio.WriteMmio(WindowGpa + 0x8010, 4, PciGuest.Region);
        mmio.WriteMmio(WindowGpa + 0x8004, 2, 6);
    }

    private static uint Read(VirtualMachine vm, ulong gpa)
    {
        var bytes = new byte[4];
        Assert.True(vm.Memory.TryRead(gpa, bytes));
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
