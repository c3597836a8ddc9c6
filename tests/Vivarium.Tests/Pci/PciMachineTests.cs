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
        Place(mmio);
        mmio.WriteMmio(PciGuest.Region, 4, 40);
        using var snapshot = new MemoryStream();
        await vm.SaveAsync(snapshot);
        await vm.ResetAsync();
        Assert.Equal(0xFFFF_FFFFu, mmio.ReadMmio(PciGuest.Region, 4));

        snapshot.Position = 0;
        await using var other = Build(out var otherMmio);
        await other.RestoreAsync(snapshot);
        otherMmio.WriteMmio(PciGuest.Region, 4, 2);
        Assert.Equal(42u, otherMmio.ReadMmio(PciGuest.Region, 4));
    }

    [Fact]
    public async Task Functions_get_the_lowest_free_slots_and_32_fit()
    {
        var (builder, guest) = Builder();
        for (var i = 1; i < 32; i++)
        {
            var name = $"doorbell{i}";
            builder.WithPciFunction((_, host) => new Doorbell(host, name));
        }

        await using var vm = builder.Build();
        Assert.All(Enumerable.Range(1, 31), slot => Assert.Equal(Doorbell.Id, guest().Mmio.ReadMmio(WindowGpa + ((ulong)slot << 15), 4)));
        Assert.Contains("32 slots", Assert.Throws<InvalidOperationException>(() =>
            Full().WithPciFunction((_, host) => new Doorbell(host, "one more")).Build()).Message, StringComparison.Ordinal);

        static VirtualMachineBuilder Full() => Enumerable.Range(1, 31)
            .Aggregate(TestMachine.Idle(), (each, i) => each.WithPciFunction((_, host) => new Doorbell(host, $"doorbell{i}")));
    }

    [Fact]
    public async Task A_machine_without_the_bus_has_nothing_there()
    {
        var (builder, guest) = Builder();
        await using var vm = builder.WithPci(false).Build();
        var (mmio, ports) = guest();
        Assert.Equal(0xFFFF_FFFFu, mmio.ReadMmio(WindowGpa, 4));
        ports.WritePort(0xCF8, 4, 0x8000_0000);
        Assert.Equal(0xFFFF_FFFFu, ports.ReadPort(0xCF8, 4) | 0xFF00);
        var refused = Assert.Throws<InvalidOperationException>(() => TestMachine.Idle().WithPci(false).WithPciFunction((_, host) => new Doorbell(host)).Build());
        Assert.Contains("WithPci", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1UL << 30, 0x10_0000_0000UL, 0x4F_FFFF_FFFFUL)]
    [InlineData(100UL << 30, 0x20_0000_0000UL, 0x5F_FFFF_FFFFUL)]
    [InlineData(900UL << 30, 0xF0_0000_0000UL, 0xFF_FFFF_FFFFUL)]
    [InlineData(1UL << 40, 0UL, 0UL)]
    public void The_high_window_lies_above_ram_within_the_processor_s_addresses(ulong memoryBytes, ulong first, ulong last)
    {
        Assert.Equal(last == 0 ? null : (first, last), MemoryLayout.FindHighPciWindow(memoryBytes));
        Assert.Contains(new MemoryMapEntry(WindowGpa, PciConfigurationWindow.SizeBytes, MemoryMapKind.Reserved), MemoryLayout.CreateMap(memoryBytes, hasPci: true));
    }

    [Fact]
    public async Task A_device_is_plugged_and_ejected_and_a_snapshot_knows()
    {
        var (builder, guest) = Builder();
        await using var vm = builder.WithPciFunction((_, host) => new Doorbell(host), new PciAddress(5), PciSlotKind.Empty).Build();
        var (mmio, ports) = guest();
        Assert.Equal(0xFFFF_FFFFu, mmio.ReadMmio(WindowGpa + 0x28000, 4));
        await vm.StartAsync();
        vm.PlugPciDevice(5);
        await UntilAsync(() => vm.IsPciDevicePresent(5));
        Assert.Equal(Doorbell.Id, mmio.ReadMmio(WindowGpa + 0x28000, 4));
        Assert.Equal((0x20u, 2u), (ports.ReadPort(0x610, 4), ports.ReadPort(0x60C, 2)));
        using var snapshot = new MemoryStream();
        await vm.SaveAsync(snapshot);

        vm.UnplugPciDevice(5);
        await UntilAsync(() => ports.ReadPort(0x614, 4) == 0x20);
        Assert.True(vm.IsPciDevicePresent(5));
        ports.WritePort(0x618, 4, 0xFFFF_FFFF);
        Assert.False(vm.IsPciDevicePresent(5));
        Assert.Equal(0xFFFF_FFFFu, mmio.ReadMmio(WindowGpa + 0x28000, 4));
        Assert.NotEqual(0xFFFF_FFFFu, mmio.ReadMmio(WindowGpa, 4));

        snapshot.Position = 0;
        await vm.RestoreAsync(snapshot);
        Assert.True(vm.IsPciDevicePresent(5));
        Assert.Equal(Doorbell.Id, mmio.ReadMmio(WindowGpa + 0x28000, 4));
        Assert.Throws<ArgumentException>(() => vm.UnplugPciDevice(0));
        Assert.Throws<ArgumentException>(() => vm.PlugPciDevice(6));
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TestMachine.Patience);
        while (!condition())
        {
            await Task.Delay(5, patience.Token);
        }
    }

    /// <summary>An idle machine, and what its processor sees of the outside.</summary>
    private static (VirtualMachineBuilder Builder, Func<(IMmioPort Mmio, IPortIo Ports)> Guest) Builder()
    {
        IMmioPort? mmio = null;
        IPortIo? ports = null;
        var builder = TestMachine.Idle();
        builder.CpuFactory = plan =>
        {
            (mmio, ports) = (plan.MmioPort, plan.PortIo);
            return new ScriptedCpu(plan, _ => VcpuExitReason.Halted);
        };
        return (builder, () => (mmio!, ports!));
    }

    private static VirtualMachine Build(out IMmioPort mmio)
    {
        var (builder, guest) = Builder();
        var vm = builder.WithPciFunction((_, host) => new Doorbell(host)).Build();
        mmio = guest().Mmio;
        return vm;
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
