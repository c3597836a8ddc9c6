namespace Vivarium.Tests;

public sealed class VirtualMachineBuilderTests
{
    [Theory]
    [InlineData(0UL, 1)]
    [InlineData((2UL << 20) - 4096, 1)]
    [InlineData((4UL << 20) + 1, 1)]
    [InlineData((1UL << 40) + 4096, 1)]
    [InlineData(4UL << 20, 0)]
    [InlineData(4UL << 20, 256)]
    [InlineData(4UL << 20, -1)]
    public void Impossible_sizes_are_refused_with_a_sentence(ulong memory, int cpus)
    {
        var exception = Assert.Throws<InvalidOperationException>(() => TestMachine.Idle().WithMemory(memory).WithCpus(cpus).Build());
        Assert.EndsWith(".", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_to_boot_an_unknown_preset_and_a_second_build_are_refused()
    {
        Assert.Throws<InvalidOperationException>(() => new VirtualMachineBuilder().Build());
        Assert.Throws<InvalidOperationException>(() => TestMachine.Idle().WithPreset((MachinePreset)9).Build());
    }

    [Fact]
    public async Task A_builder_builds_once()
    {
        var builder = TestMachine.Idle();
        await using var vm = builder.Build();
        Assert.Throws<InvalidOperationException>(builder.Build);
    }

    [Fact]
    public void Devices_in_each_others_way_are_refused_by_name()
    {
        var device = new NullDevice();
        Assert.Contains("uart0", Assert.Throws<ArgumentException>(() =>
            TestMachine.Idle().WithDevice(context => context.MapPorts(0x3FF, 2, device, "mine")).Build()).Message, StringComparison.Ordinal);
        Assert.Contains("RAM", Assert.Throws<ArgumentException>(() =>
            TestMachine.Idle().WithDevice(context => context.MapMmio(0x20_0000, 0x1000, device, "mine")).Build()).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => TestMachine.Idle().WithDevice(context => context.AddStateUnit(new NamedUnit("uart0"))).Build());
        Assert.Throws<ArgumentOutOfRangeException>(() => TestMachine.Idle().WithDevice(context => context.ConnectIrq(24)).Build());
    }

    [Fact]
    public void A_guest_that_does_not_fit_is_refused()
    {
        var loader = new FlatBinaryLoader(new byte[8 << 20], 0x10_0000, FlatStartMode.Protected32);
        Assert.Throws<GuestImageException>(() => TestMachine.Idle().WithBootLoader(loader).Build());
    }

    [Fact]
    public async Task Large_memory_and_many_processors_are_built()
    {
        await using var vm = TestMachine.Idle().WithMemory(8UL << 30).WithCpus(255).Build();
        Assert.Equal((8UL << 30) - (128 << 10), vm.Memory.RamSizeBytes);
        await vm.StartAsync();
    }

    [Fact]
    public async Task A_pc_has_what_a_microvm_has_and_more()
    {
        await using var micro = TestMachine.Idle().Build();
        await using var pc = TestMachine.Idle().WithPreset(MachinePreset.Pc).WithMemory(5UL << 30).Build();
        Assert.Single(micro.SerialPorts);
        Assert.Equal(2, pc.SerialPorts.Count);
        Assert.Equal(0x2052_5450_2044_5352UL, micro.Memory.Read<ulong>(0xE0000));
        Assert.Equal(0x2052_5450_2044_5352UL, pc.Memory.Read<ulong>(0xE0000));
    }

    private sealed class NullDevice : IPortDevice, IMmioDevice
    {
        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            value = 0;
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value) => IoResult.Ok;

        public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
        {
            value = 0;
            return IoResult.Ok;
        }

        public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value) => IoResult.Ok;
    }

    private sealed class NamedUnit(string name) : IStateUnit
    {
        public string StateName => name;

        public void Reset()
        {
        }

        public void Save(StateWriter writer)
        {
        }

        public void Restore(StateReader reader)
        {
        }
    }
}
