using Vivarium.Devices;
using Vivarium.Storage;

namespace Vivarium.Tests;

public sealed class DiskSnapshotTests : IDisposable
{
    private const int SizeBytes = (3 << 20) + 512;
    private readonly string _folder = Directory.CreateTempSubdirectory("vivarium-snapshot").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string, string> DisksInMemory => new MatrixTheoryData<string, string>(["ram", "overlay"], ["virtio", "nvme", "ahci"]);

    [Theory]
    [MemberData(nameof(DisksInMemory))]
    public async Task A_disk_in_memory_is_as_it_was(string kind, string controller)
    {
        await using var disk = await CreateAsync(kind);
        var model = new byte[SizeBytes];
        var random = new Random(4);
        await ScrambleAsync(disk, model, random);
        await using var vm = Machine(controller, disk).Build();
        await vm.StartAsync();
        var snapshot = await SaveAsync(vm);
        await ScrambleAsync(disk, new byte[SizeBytes], random);
        await disk.ResizeAsync(1 << 20);
        await vm.PauseAsync();
        await vm.RestoreAsync(new MemoryStream(snapshot));
        Assert.Equal(model, await ReadAsync(disk));

        // And in another machine, whose disk was never written.
        await using var other = await CreateAsync(kind);
        await using var second = Machine(controller, other).Build();
        await second.RestoreAsync(new MemoryStream(snapshot));
        Assert.Equal(model, await ReadAsync(other));
    }

    [Theory]
    [InlineData("raw", false)]
    [InlineData("raw", true)]
    [InlineData("qcow2", false)]
    [InlineData("qcow2", true)]
    [InlineData("overlay", true)]
    public async Task An_image_that_was_written_since_is_refused(string kind, bool isWritten)
    {
        byte[] snapshot;
        await using (var disk = await CreateAsync(kind))
        {
            await ScrambleAsync(disk, new byte[SizeBytes], new Random(5));
            await using var vm = TestMachine.Idle().AddVirtioBlock(disk).Build();
            snapshot = await SaveAsync(vm);
            if (isWritten && kind != "overlay")
            {
                // Some file systems count time in hundredths of a second.
                await Task.Delay(30, TestContext.Current.CancellationToken);
                await disk.WriteAsync(4096, [new byte[] { 1 }]);
                await disk.FlushAsync();
            }
        }

        if (kind == "overlay")
        {
            await using var lower = RawDisk.Open(Path.Combine(_folder, "base"));
            await lower.WriteAsync(0, [new byte[] { 1 }]);
        }

        await using var again = await CreateAsync(kind);
        var before = await ReadAsync(again);
        await using var other = TestMachine.Idle().AddVirtioBlock(again).Build();
        other.Memory.Write(0x20_0000, 9L);
        if (isWritten)
        {
            var refusal = await Assert.ThrowsAsync<StateFormatException>(() => other.RestoreAsync(new MemoryStream(snapshot)));
            Assert.Contains("virtio-blk0", refusal.Message, StringComparison.Ordinal);
            Assert.Equal(9L, other.Memory.Read<long>(0x20_0000));
            Assert.Equal(before, await ReadAsync(again));
        }
        else
        {
            await other.RestoreAsync(new MemoryStream(snapshot));
        }
    }

    [Theory]
    [InlineData("nvme", "nvme0-2")]
    [InlineData("ahci", "ahci0-2")]
    public async Task The_disk_of_a_controller_that_was_written_since_is_named(string controller, string name)
    {
        await using var first = new RamDisk(SizeBytes);
        byte[] snapshot;
        await using (var disk = await CreateAsync("raw"))
        {
            await using var vm = Machine(controller, first, disk).Build();
            snapshot = await SaveAsync(vm);
            await Task.Delay(30, TestContext.Current.CancellationToken);
            await disk.WriteAsync(4096, [new byte[] { 1 }]);
        }

        await using var again = await CreateAsync("raw");
        await using var other = Machine(controller, first, again).Build();
        var refusal = await Assert.ThrowsAsync<StateFormatException>(() => other.RestoreAsync(new MemoryStream(snapshot)));
        Assert.Contains($"'{name}'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_disks_are_refused()
    {
        await using var disk = new RamDisk(SizeBytes);
        await using var vm = TestMachine.Idle().AddVirtioBlock(disk).Build();
        var snapshot = await SaveAsync(vm);
        await using var none = TestMachine.Idle().Build();
        await Assert.ThrowsAsync<StateFormatException>(() => none.RestoreAsync(new MemoryStream(snapshot)));
        await using var second = new RamDisk(SizeBytes);
        await using var third = new RamDisk(SizeBytes);
        await using var two = TestMachine.Idle().AddVirtioBlock(second).AddVirtioBlock(third).Build();
        await Assert.ThrowsAsync<StateFormatException>(() => two.RestoreAsync(new MemoryStream(snapshot)));
    }

    /// <summary>The disks at one controller; at an AHCI controller with a CD drive between them, which is not part of a snapshot.</summary>
    private static VirtualMachineBuilder Machine(string controller, params IBlockBackend[] disks)
    {
        var builder = TestMachine.Idle().WithPci(true);
        return controller switch
        {
            "nvme" => builder.AddNvme(disks),
            "ahci" => builder.AddAhci([new AhciDisk(disks[0]), new AhciCdDrive(disks[0]), .. disks.Skip(1).Select(disk => new AhciDisk(disk))]),
            _ => builder.AddVirtioBlock(disks[0]),
        };
    }

    private async Task<IBlockBackend> CreateAsync(string kind)
    {
        var path = Path.Combine(_folder, kind);
        switch (kind)
        {
            case "ram":
                return new RamDisk(SizeBytes);
            case "raw":
                return File.Exists(path) ? RawDisk.Open(path) : await RawDisk.CreateAsync(path, SizeBytes);
            case "qcow2":
                return File.Exists(path) ? await Qcow2Disk.OpenAsync(path) : await Qcow2Disk.CreateAsync(path, SizeBytes);
            default:
                path = Path.Combine(_folder, "base");
                if (!File.Exists(path))
                {
                    await using var created = await RawDisk.CreateAsync(path, SizeBytes);
                    await created.WriteAsync(100, [new byte[] { 1, 2, 3 }]);
                }

                return new OverlayDisk(RawDisk.Open(path, new DiskOptions { IsReadOnly = true }), ownsBase: true);
        }
    }

    private static async Task ScrambleAsync(IBlockBackend disk, byte[] model, Random random)
    {
        (await ReadAsync(disk)).CopyTo(model, 0);
        for (var i = 0; i < 60; i++)
        {
            var data = new byte[random.Next(1, 20_000)];
            var offset = random.Next(SizeBytes - data.Length);
            if (i % 3 == 0)
            {
                await disk.WriteZeroesAsync(offset, data.Length, mayUnmap: true);
            }
            else
            {
                random.NextBytes(data);
                await disk.WriteAsync(offset, [data]);
            }

            data.CopyTo(model, offset);
        }

        var tail = new byte[700];
        random.NextBytes(tail);
        await disk.WriteAsync(SizeBytes - tail.Length, [tail]);
        tail.CopyTo(model, SizeBytes - tail.Length);
    }

    private static async Task<byte[]> ReadAsync(IBlockBackend disk)
    {
        var content = new byte[disk.SizeBytes];
        await disk.ReadAsync(0, [content]);
        return content;
    }

    private static async Task<byte[]> SaveAsync(VirtualMachine vm)
    {
        var stream = new MemoryStream();
        await vm.SaveAsync(stream);
        return stream.ToArray();
    }
}
