using FsCheck.Xunit;

namespace Vivarium.Tests;

public sealed class SnapshotTests
{
    [Fact]
    public async Task A_machine_round_trips_into_another()
    {
        var cpus = new List<ScriptedCpu>();
        await using var vm = TestMachine.Idle(cpus).Build();
        var random = new Random(1);
        var data = new byte[300_000];
        random.NextBytes(data);
        vm.Memory.TryWrite(0x10_0123, data);
        vm.Memory.Write(0x3F_FFF8, 5L);
        cpus[0].Register = 77;
        await vm.StartAsync();
        var snapshot = await SaveAsync(vm);
        Assert.Equal(MachineState.Running, vm.State);

        var otherCpus = new List<ScriptedCpu>();
        await using var other = TestMachine.Idle(otherCpus).WithName("other").Build();
        other.Memory.Write(0x20_0000, 1L);
        await other.RestoreAsync(new NonSeekableStream(snapshot));
        Assert.Equal(MachineState.Created, other.State);
        Assert.Equal(77, otherCpus[0].Register);
        Assert.Equal(5L, other.Memory.Read<long>(0x3F_FFF8));
        Assert.Equal(0L, other.Memory.Read<long>(0x20_0000));
        var back = new byte[data.Length];
        Assert.True(other.Memory.TryRead(0x10_0123, back));
        Assert.Equal(data, back);
        Assert.True(other.Clock.NowNs > 0);
        await other.StartAsync();
        await other.PauseAsync();
        await other.RestoreAsync(new MemoryStream(snapshot));
        Assert.Equal(MachineState.Paused, other.State);
    }

    [Fact]
    public async Task A_snapshot_describes_itself_and_drops_zero_pages()
    {
        await using var vm = TestMachine.Idle().Build();
        vm.Memory.Write(0x10_0000, 1L);
        vm.Memory.Write(0x10_0000, 0L);
        vm.Memory.Write(0x30_0000, 1L);
        var info = await SnapshotInfo.ReadAsync(new MemoryStream(await SaveAsync(vm)));
        Assert.Equal(vm.Configuration, info.Configuration);
        Assert.Contains("uart0", info.Units.Keys);
        // The image, the ACPI tables, the BIOS data area and its extension, and the page that is not zero.
        Assert.Equal(5 * 4096, info.MemoryBytes);
    }

    [Fact]
    public async Task Every_truncation_is_refused_and_changes_nothing()
    {
        await using var machine = await Fixture.CreateAsync();
        for (var length = 0; length < machine.Snapshot.Length; length++)
        {
            await machine.AssertRefusedAsync(machine.Snapshot[..length]);
        }

        await machine.AssertRefusedAsync([.. machine.Snapshot, 0]);
    }

    [Fact]
    public async Task Every_altered_bit_is_refused_and_changes_nothing()
    {
        await using var machine = await Fixture.CreateAsync();
        for (var bit = 0; bit < machine.Snapshot.Length * 8; bit++)
        {
            var altered = (byte[])machine.Snapshot.Clone();
            altered[bit / 8] ^= (byte)(1 << (bit % 8));
            await machine.AssertRefusedAsync(altered);
        }
    }

    [Property(MaxTest = 200)]
    public async Task Sections_that_make_no_sense_are_refused_and_change_nothing(byte[] garbage, byte kind)
    {
        await using var machine = await Fixture.CreateAsync();
        await machine.AssertRefusedAsync(Reseal(machine.Snapshot, kind, garbage));
    }

    [Fact]
    public async Task A_newer_format_and_another_machine_are_refused_with_a_reason()
    {
        await using var machine = await Fixture.CreateAsync();
        var newer = (byte[])machine.Snapshot.Clone();
        newer[8] = 2;
        Assert.Contains("newer", (await Assert.ThrowsAsync<StateFormatException>(() => machine.Vm.RestoreAsync(new MemoryStream(newer)))).Message, StringComparison.Ordinal);
        await using var larger = TestMachine.Idle().WithMemory(8 << 20).Build();
        Assert.Contains("another machine", (await Assert.ThrowsAsync<StateFormatException>(
            () => larger.RestoreAsync(new MemoryStream(machine.Snapshot)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_unit_that_refuses_leaves_the_machine_as_it_was()
    {
        await using var machine = await Fixture.CreateAsync();
        var cpus = new List<ScriptedCpu>();
        await using var bad = TestMachine.Idle(cpus).Build();
        cpus[0].Register = -1;
        await machine.AssertRefusedAsync(await SaveAsync(bad));
    }

    private static async Task<byte[]> SaveAsync(VirtualMachine vm)
    {
        using var stream = new MemoryStream();
        await vm.SaveAsync(stream);
        return stream.ToArray();
    }

    /// <summary>Adds a section and a right checksum.</summary>
    private static byte[] Reseal(byte[] snapshot, uint kind, byte[] content)
    {
        byte[] body = [.. snapshot[..^16], .. BitConverter.GetBytes(kind), .. BitConverter.GetBytes((long)content.Length), .. content];
        return [.. body, .. System.IO.Hashing.XxHash128.Hash(body)];
    }

    private sealed class Fixture : IAsyncDisposable
    {
        private readonly List<ScriptedCpu> _cpus = [];

        public required VirtualMachine Vm { get; init; }

        public byte[] Snapshot { get; private set; } = [];

        public static async Task<Fixture> CreateAsync()
        {
            var cpus = new List<ScriptedCpu>();
            var fixture = new Fixture { Vm = TestMachine.Idle(cpus).Build() };
            fixture._cpus.AddRange(cpus);
            fixture.Snapshot = await SaveAsync(fixture.Vm);
            cpus[0].Register = 123;
            fixture.Vm.Memory.Write(0x10_0000, 456L);
            return fixture;
        }

        public async Task AssertRefusedAsync(byte[] snapshot)
        {
            var exception = await Assert.ThrowsAsync<StateFormatException>(() => Vm.RestoreAsync(new MemoryStream(snapshot)));
            Assert.EndsWith(".", exception.Message, StringComparison.Ordinal);
            Assert.Equal(123, _cpus[0].Register);
            Assert.Equal(456L, Vm.Memory.Read<long>(0x10_0000));
            Assert.Equal(0xF4, Vm.Memory.Read<byte>(0x7C00));
        }

        public ValueTask DisposeAsync() => Vm.DisposeAsync();
    }

    /// <summary>A stream that can be read once, as a socket.</summary>
    private sealed class NonSeekableStream(byte[] content) : MemoryStream(content)
    {
        public override bool CanSeek => false;
    }
}
