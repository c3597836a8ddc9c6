using Vivarium.Scheduling;

namespace Vivarium.Repository.Tests.ReadMe;

public sealed class VivariumReadMeTests
{
    [Fact]
    public async Task The_machine_runs()
    {
        var File = new GuestFiles();
        await using var vm = new VirtualMachineBuilder()
            .WithMemory(512 << 20)
            .WithCpus(2)
            .WithBootLoader(new LinuxBootLoader(File.ReadAllBytes("vmlinuz"), File.ReadAllBytes("initrd.img"), "console=ttyS0"))
            .Build();                                           // checks everything; mistakes are sentences
        _ = vm.Console.Output.CopyToAsync(Console.OpenStandardOutput());
        await vm.StartAsync();
        await vm.Console.Input.WriteAsync("poweroff -f\n"u8.ToArray());
        ShutdownReason reason = await vm.WaitForShutdownAsync();

        Assert.Equal(new ShutdownReason(ShutdownKind.DebugExit, 43), reason);
    }

    [Fact]
    public async Task The_device_answers()
    {
        // mov dx, 1F0h; in al, dx; out 0F4h, al; hlt
        byte[] guest = [0xBA, 0xF0, 0x01, 0xEC, 0xE6, 0xF4, 0xF4];
        var builder = new VirtualMachineBuilder().WithMemory(4 << 20).WithBootLoader(new FlatBinaryLoader(guest));

        builder.WithDevice(context =>
        {
            var dice = new Dice(context.ConnectIrq(10), context.Clock);   // an IPortDevice and IStateUnit
            context.MapPorts(0x1F0, 2, dice, "dice");
            context.AddStateUnit(dice);                                   // reset, start, stop, save, restore
        });

        await using var vm = builder.Build();
        await vm.StartAsync();
        Assert.Equal((4 << 1) | 1, (await vm.WaitForShutdownAsync()).ExitCode);
    }

    [Fact]
    public async Task Two_runs_are_one()
    {
        Assert.Equal(await RunAsync(), await RunAsync());

        static async Task<int> RunAsync()
        {
            // rdrand ax; mov bx, ax; rdtsc; xor ax, bx; out 0F4h, ax; hlt
            byte[] guest = [0x0F, 0xC7, 0xF0, 0x89, 0xC3, 0x0F, 0x31, 0x31, 0xD8, 0xE7, 0xF4, 0xF4];
            var builder = new VirtualMachineBuilder().WithMemory(4 << 20).WithBootLoader(new FlatBinaryLoader(guest));

            using var scheduler = new DeterministicScheduler();
            builder
                .WithScheduler(scheduler)                                     // vCPUs in turn, a clock that counts instructions
                .WithEntropy(new Dealt(seed: 1))                              // an IEntropySource of yours
                .WithWallClock(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

            await using var vm = builder.Build();
            await vm.StartAsync();
            return (await vm.WaitForShutdownAsync()).ExitCode;
        }
    }

    [Fact]
    public void The_examples_are_the_readmes() => Snippet.AssertInTest("src/Vivarium/README.md", nameof(VivariumReadMeTests));

    /// <summary>Numbers in a row.</summary>
    private sealed class Dealt(byte seed) : IEntropySource
    {
        private byte _next = seed;

        public void Fill(Span<byte> destination)
        {
            foreach (ref var each in destination)
            {
                each = _next++;
            }
        }
    }

    /// <summary>Always 4, chosen by a fair roll.</summary>
    private sealed class Dice(IrqLine irq, IVmClock clock) : IPortDevice, IStateUnit
    {
        private ulong _rolls;

        public string StateName => "dice";

        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            _rolls++;
            value = clock.NowNs >= 0 ? 4u : 0;
            irq.Pulse();
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value) => IoResult.ReadOnly;

        public void Reset() => _rolls = 0;

        public void Save(StateWriter writer) => writer.Write(1, _rolls);

        public void Restore(StateReader reader) => _rolls = reader.ReadUInt64(1);
    }
}
