using FsCheck.Xunit;

namespace Vivarium.Storage.Tests;

/// <summary>Raw files, memory, overlays: random requests against an array.</summary>
public sealed class SimpleDiskTests
{
    private const int SizeBytes = 300_032;

    [Property(MaxTest = 12)]
    public void A_raw_file_behaves_like_an_array(int seed) => Run(async (folder, random) =>
    {
        var path = folder["disk.raw"];
        await using (var disk = await RawDisk.CreateAsync(path, SizeBytes, new DiskOptions { BlocksCaller = random.Next(2) == 0 }))
        {
            var model = new DiskModel(disk, new byte[SizeBytes], random);
            await StepsAsync(model);
            Assert.True(File.Exists(path));
            await disk.FlushAsync();
            await disk.ResizeAsync(SizeBytes + 4096);
            model.Bytes = [.. model.Bytes, .. new byte[4096]];
            await StepsAsync(model);
            await model.AssertReadsAllAsync();
            await disk.DisposeAsync();
            Assert.Equal(model.Bytes, File.ReadAllBytes(path));
        }
    }, seed);

    [Property(MaxTest = 30)]
    public void Memory_behaves_like_an_array(int seed) => Run(async (_, random) =>
    {
        await using var disk = new RamDisk(SizeBytes);
        var model = new DiskModel(disk, new byte[SizeBytes], random);
        await StepsAsync(model);
        await disk.ResizeAsync(5000);
        await disk.ResizeAsync(SizeBytes);
        model.Bytes.AsSpan(5000).Clear();
        await model.AssertReadsAllAsync();
        await StepsAsync(model);
        await disk.DiscardAsync(0, SizeBytes);
        Assert.Equal(0, disk.AllocatedBytes);
    }, seed);

    [Property(MaxTest = 30)]
    public void An_overlay_behaves_like_an_array_and_leaves_its_base_alone(int seed) => Run(async (_, random) =>
    {
        await using var below = new RamDisk(SizeBytes);
        var content = new byte[SizeBytes];
        random.NextBytes(content);
        await below.WriteAsync(0, [content]);
        await using var first = new OverlayDisk(new ReadOnlyDisk(below));
        await using var second = new OverlayDisk(below);
        var models = new[] { new DiskModel(first, (byte[])content.Clone(), random), new DiskModel(second, (byte[])content.Clone(), random) };
        for (var i = 0; i < 100; i++)
        {
            await models[random.Next(2)].StepAsync(20_000);
        }

        await first.ResizeAsync(1000);
        await first.ResizeAsync(SizeBytes + 10_000);
        models[0].Bytes = [.. models[0].Bytes.AsSpan(0, 1000), .. new byte[SizeBytes + 9000]];
        await models[0].AssertReadsAllAsync();
        await models[1].AssertReadsAllAsync();
        Assert.Equal(content, await DiskModel.ReadAllAsync(below));
        first.Reset();
        Assert.Equal(0, first.AllocatedBytes);
        Assert.Equal(content, await DiskModel.ReadAllAsync(first));
    }, seed);

    [Fact]
    public async Task Requests_that_leave_the_disk_change_nothing()
    {
        using var folder = new TestFolder();
        await using var raw = await RawDisk.CreateAsync(folder["raw"], 4096);
        await using var qcow2 = await Qcow2Disk.CreateAsync(folder["qcow2"], 4096);
        await using var ram = new RamDisk(4096);
        foreach (var disk in (IBlockBackend[])[raw, qcow2, ram, new OverlayDisk(ram)])
        {
            foreach (var (offset, length) in ((long, int)[])[(4096, 1), (-1, 1), (0, 4097), (4000, 100), (long.MaxValue, 1), (long.MinValue, 1)])
            {
                await AssertFailsAsync(BlockErrorKind.OutOfRange, () => disk.ReadAsync(offset, [new byte[length]]));
                await AssertFailsAsync(BlockErrorKind.OutOfRange, () => disk.WriteAsync(offset, [new byte[length].Select(_ => (byte)1).ToArray()]));
                await AssertFailsAsync(BlockErrorKind.OutOfRange, () => disk.DiscardAsync(offset, length));
                await AssertFailsAsync(BlockErrorKind.OutOfRange, () => disk.WriteZeroesAsync(offset, length, mayUnmap: true));
            }

            await AssertFailsAsync(BlockErrorKind.OutOfRange, () => disk.DiscardAsync(0, long.MaxValue));
            await AssertFailsAsync(BlockErrorKind.OutOfRange, () => disk.ResizeAsync(-1));
            await disk.ReadAsync(4096, []);
            Assert.Equal(new byte[4096], await DiskModel.ReadAllAsync(disk));
        }
    }

    [Fact]
    public async Task What_is_read_only_stays_so()
    {
        using var folder = new TestFolder();
        await (await RawDisk.CreateAsync(folder["raw"], 4096)).DisposeAsync();
        await (await Qcow2Disk.CreateAsync(folder["qcow2"], 4096)).DisposeAsync();
        var before = File.ReadAllBytes(folder["qcow2"]);
        var options = new DiskOptions { IsReadOnly = true };
        foreach (var disk in (IBlockBackend[])[RawDisk.Open(folder["raw"], options), await Qcow2Disk.OpenAsync(folder["qcow2"], options), new ReadOnlyDisk(new RamDisk(4096))])
        {
            Assert.True(disk.IsReadOnly);
            await AssertFailsAsync(BlockErrorKind.ReadOnly, () => disk.WriteAsync(0, [new byte[512]]));
            await AssertFailsAsync(BlockErrorKind.ReadOnly, () => disk.DiscardAsync(0, 512));
            await AssertFailsAsync(BlockErrorKind.ReadOnly, () => disk.WriteZeroesAsync(0, 512, mayUnmap: false));
            await AssertFailsAsync(BlockErrorKind.ReadOnly, () => disk.ResizeAsync(8192));
            await disk.FlushAsync();
            await disk.DisposeAsync();
        }

        Assert.Equal(before, File.ReadAllBytes(folder["qcow2"]));
    }

    [Fact]
    public async Task Discarded_ranges_of_a_file_go_back_to_the_host()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Holes are asked for on Linux only.");
        using var folder = new TestFolder();
        await using var disk = await RawDisk.CreateAsync(folder["raw"], 1 << 20);
        await disk.WriteAsync(0, [new byte[1 << 20].Select(_ => (byte)7).ToArray()]);
        await disk.DiscardAsync(0, 512 << 10);
        var extent = await ((IExtentSource)disk).FindExtentAsync(0, default);
        Assert.Equal(new DiskExtent(IsZero: true, IsOwn: true, 512 << 10), extent);
        await disk.WriteZeroesAsync(512 << 10, 512 << 10, mayUnmap: true);
        Assert.Equal(new byte[1 << 20], await DiskModel.ReadAllAsync(disk));
    }

    [Fact]
    public async Task A_full_host_is_a_full_disk()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "There is no /dev/full here.");
        await using var file = HostFile.Open("/dev/full", FileMode.Open, isReadOnly: false, blocksCaller: false);
        await AssertFailsAsync(BlockErrorKind.Full, () => file.WriteAsync(0, new byte[512], default));
        await AssertFailsAsync(BlockErrorKind.Full, () => file.WriteAsync(0, [new byte[512], new byte[512]], default));
    }

    [Fact]
    public async Task A_file_is_opened_for_writing_once()
    {
        using var folder = new TestFolder();
        await using var disk = await RawDisk.CreateAsync(folder["raw"], 4096);
        Assert.Throws<BlockIOException>(() => RawDisk.Open(folder["raw"]));
        Assert.Throws<BlockIOException>(() => RawDisk.Open(folder["raw"], new DiskOptions { IsReadOnly = true }));
        Assert.Throws<BlockIOException>(() => RawDisk.Open(folder["none"]));
        Assert.Throws<BlockIOException>(() => RawDisk.Open(folder["."]));
    }

    [Fact]
    public async Task A_flush_that_failed_is_not_forgotten()
    {
        Assert.SkipUnless(File.Exists("/dev/full") && OperatingSystem.IsLinux(), "There is no /dev/full here, which cannot be flushed.");
        await using var file = HostFile.Open("/dev/full", FileMode.Open, isReadOnly: false, blocksCaller: false);
        for (var i = 0; i < 2; i++)
        {
            await AssertFailsAsync(BlockErrorKind.Failed, () => file.FlushAsync(default));
        }
    }

    [Fact]
    public async Task Memory_is_taken_for_what_differs()
    {
        var data = Enumerable.Repeat((byte)5, 3 << 20).ToArray();
        var ram = new RamDisk(1L << 40);
        await ram.WriteAsync((1L << 39) - 1000, [data]);
        var overlay = new OverlayDisk(ram);
        await overlay.WriteAsync(10_000_000, [data]);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await overlay.WriteZeroesAsync(1, (1L << 40) - 2, mayUnmap: true);
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - before < 150 << 20);
        Assert.Equal(2 * 4096, overlay.AllocatedBytes);
        var back = new byte[data.Length];
        await overlay.ReadAsync(1L << 39, [back]);
        Assert.All(back.Chunk(4096), page => Assert.DoesNotContain(page, each => each != 0));
        await overlay.WriteAsync((1L << 39) + 5000, [new byte[] { 1 }]);
        await overlay.ReadAsync((1L << 39) + 4999, [back.AsMemory(0, 3)]);
        Assert.Equal([0, 1, 0], back[..3]);
        await ram.DiscardAsync((1L << 39) + 5000, 1L << 38);
        Assert.Equal(3 * 4096, ram.AllocatedBytes);
        await ram.DiscardAsync(0, 1L << 40);
        Assert.Equal(0, ram.AllocatedBytes);
    }

    [Fact]
    public async Task A_file_of_odd_length_ends_with_zeros()
    {
        using var folder = new TestFolder();
        File.WriteAllBytes(folder["raw"], [1, 2, 3]);
        await using var disk = RawDisk.Open(folder["raw"]);
        Assert.Equal(512, disk.SizeBytes);
        Assert.Equal([1, 2, 3, .. new byte[509]], await DiskModel.ReadAllAsync(disk));
    }

    internal static async Task AssertFailsAsync(BlockErrorKind kind, Func<ValueTask> request)
    {
        var exception = await Assert.ThrowsAsync<BlockIOException>(() => request().AsTask());
        Assert.Equal(kind, exception.Kind);
    }

    internal static void Run(Func<TestFolder, Random, Task> test, int seed)
    {
        using var folder = new TestFolder();
        test(folder, new Random(seed)).GetAwaiter().GetResult();
    }

    private static async Task StepsAsync(DiskModel model)
    {
        for (var i = 0; i < 60; i++)
        {
            await model.StepAsync(20_000);
        }
    }
}
