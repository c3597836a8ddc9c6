using FsCheck.Xunit;

namespace Vivarium.Storage.Tests;

/// <summary>
/// The power goes at any moment: what was flushed is there and the image is consistent, whichever of the later sectors reached the disk.
/// And the host fails at any request: the disk goes on and loses nothing that was flushed.
/// </summary>
public sealed class Qcow2CrashTests
{
    private static readonly int[] s_clusterBytes = [512, 1024, 4096, 16384];
    private static readonly int[] s_refcountBits = [1, 2, 8, 16, 64];

    [Property(MaxTest = 40)]
    public void Flushed_data_survives_a_power_cut_anywhere(int seed) => RunAsync(seed, withQemu: false).GetAwaiter().GetResult();

    [Fact]
    public async Task Qemu_agrees_that_images_are_consistent_after_power_cuts()
    {
        Qemu.Require();
        for (var seed = 0; seed < 8; seed++)
        {
            await RunAsync(seed, withQemu: true);
        }
    }

    [Property(MaxTest = 30)]
    public void A_host_that_fails_at_times_loses_nothing(int seed) => FailAsync(seed).GetAwaiter().GetResult();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Requests_side_by_side_survive_a_power_cut(int seed)
    {
        const int Writers = 6;
        var random = new Random(seed);
        var (file, disk, size) = await CreateAsync(random);
        var share = size / Writers;
        var model = new byte[size];
        var gate = new Lock();
        var changed = new HashSet<int>();
        var flushed = model[..];
        var crashes = new List<(byte[] Image, byte[] Flushed, HashSet<int> Changed)>();
        var moments = new Random(seed);
        file.Changed = () =>
        {
            lock (gate)
            {
                if (moments.Next(30) == 0)
                {
                    crashes.Add((file.Crash(moments, moments.NextDouble()), flushed, [.. changed]));
                }
            }
        };
        for (var round = 0; round < 12; round++)
        {
            // Within a round each writes where no other does; the flush at its end is for all.
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
            {
                var own = new Random((seed * 1000) + (round * Writers) + writer);
                for (var i = 0; i < 10; i++)
                {
                    var start = (writer * share) + own.Next(share - 1);
                    var data = new byte[own.Next(1, Math.Min(9000, ((writer + 1) * share) - start) + 1)];
                    var isZero = own.Next(4) == 0;
                    own.NextBytes(isZero ? [] : data);
                    lock (gate)
                    {
                        for (var sector = start / 512; sector * 512 < start + data.Length; sector++)
                        {
                            changed.Add(sector);
                        }

                        data.CopyTo(model, start);
                    }

                    await (isZero ? disk.WriteZeroesAsync(start, data.Length, mayUnmap: own.Next(2) == 0) : disk.WriteAsync(start, [data]));
                    if (own.Next(8) == 0)
                    {
                        await disk.FlushAsync();
                    }
                }
            })));
            await disk.FlushAsync();
            lock (gate)
            {
                changed.Clear();
                flushed = model[..];
            }
        }

        Assert.NotEmpty(crashes);
        foreach (var (image, expected, since) in crashes)
        {
            await AssertSurvivesAsync(image, expected, since, random, path: null);
        }

        await new DiskModel(disk, model, random).AssertReadsAllAsync();
    }

    [Fact]
    public async Task Snapshots_survive_power_cuts()
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var path = folder["disk.qcow2"];
        for (var seed = 0; seed < 3; seed++)
        {
            var random = new Random(seed);
            File.Delete(path);
            var model = new DiskModel(await Qcow2Disk.CreateAsync(path, 600 << 10, new Qcow2CreateOptions { ClusterBytes = 4096, RefcountBits = 8 }), new byte[600 << 10], random);
            for (var i = 0; i < 30; i++)
            {
                await model.StepAsync(60_000);
            }

            await model.Disk.DisposeAsync();
            Qemu.Img("snapshot", "-c", "before", path);
            var snapshot = model.Bytes[..];
            var crashes = await CutAsync(new RecordingFile(File.ReadAllBytes(path)), model.Bytes, random, backing: null, likelihood: 12);
            foreach (var (image, expected, changed) in crashes)
            {
                await AssertSurvivesAsync(image, expected, changed, random, path: null);
            }

            File.WriteAllBytes(path, crashes[^1].Image);
            Qemu.Img("snapshot", "-a", "before", path);
            Assert.True(snapshot.AsSpan().SequenceEqual(Qemu.ReadAll(path, "qcow2")));
        }
    }

    private static async Task RunAsync(int seed, bool withQemu)
    {
        using var folder = new TestFolder();
        var random = new Random(seed);
        var (file, disk, size) = await CreateAsync(random);
        var backing = default(RamDisk);
        var content = new byte[size];
        if (random.Next(3) == 0 && !withQemu)
        {
            backing = new RamDisk(size + 5000);
            var below = new byte[size + 5000];
            random.NextBytes(below);
            await backing.WriteAsync(0, [below]);
            content = below[..size];
        }

        await disk.DisposeAsync();
        foreach (var (image, expected, changed) in await CutAsync(file, content, random, backing, withQemu ? 40 : 12))
        {
            await AssertSurvivesAsync(image, expected, changed, random, withQemu ? folder["crash.qcow2"] : null, backing);
        }
    }

    /// <summary>Random requests, and images of what may be left at random moments of them.</summary>
    private static async Task<List<(byte[] Image, byte[] Flushed, HashSet<int> Changed)>> CutAsync(RecordingFile file, byte[] content, Random random, IBlockBackend? backing, int likelihood)
    {
        var disk = await Qcow2Disk.OpenAsync(file, new DiskOptions { MetadataCacheBytes = 64 << 10, BackingDisk = backing }, BackingChain.Start("image"));
        var model = new DiskModel(disk, content[..], random);
        var flushed = content[..];
        var crashes = new List<(byte[] Image, byte[] Flushed, HashSet<int> Changed)>();
        file.Changed = () =>
        {
            if (random.Next(likelihood) == 0)
            {
                crashes.Add((file.Crash(random, random.Next(4) switch { 0 => 0, 1 => 1, 2 => 0.9, _ => random.NextDouble() }), flushed, [.. model.ChangedSectors]));
            }
        };
        for (var i = 0; i < 60; i++)
        {
            // The changes of a step in flight count as made: the cut may come in its middle.
            await (random.Next(25) == 0 ? model.GrowAsync(random.Next(1, 60) * 512) : model.StepAsync(content.Length / 6));
            if (model.ChangedSectors.Count == 0)
            {
                flushed = model.Bytes[..];
            }
        }

        file.Changed = null;
        await model.AssertReadsAllAsync();
        return crashes;
    }

    private static async Task FailAsync(int seed)
    {
        var random = new Random(seed);
        var (file, disk, size) = await CreateAsync(random);
        var model = new DiskModel(disk, new byte[size], random);
        var flushed = model.Bytes[..];
        for (var i = 0; i < 100; i++)
        {
            file.Fails = random.Next(3) == 0 ? (request, _, _) => request != "read" && random.Next(4) == 0 : null;
            try
            {
                await model.StepAsync(size / 6);
                if (model.ChangedSectors.Count == 0)
                {
                    flushed = model.Bytes[..];
                }
            }
            catch (BlockIOException exception)
            {
                // What failed may have happened in part.
                Assert.Equal(BlockErrorKind.Full, exception.Kind);
                file.Fails = null;
                var now = await DiskModel.ReadAllAsync(disk);
                for (var at = 0; at < size; at++)
                {
                    if (now[at] != model.Bytes[at] && !model.ChangedSectors.Contains(at / 512))
                    {
                        Assert.Fail($"A failed request changed the byte {at}, which it did not touch.");
                    }
                }

                now.CopyTo(model.Bytes, 0);
            }

            file.Fails = null;
            if (random.Next(10) == 0)
            {
                await AssertSurvivesAsync(file.Crash(random, random.NextDouble()), flushed, model.ChangedSectors, random, null);
            }
        }

        file.Fails = null;
        await model.AssertReadsAllAsync();
        await disk.FlushAsync();
        await disk.DisposeAsync();
        await AssertSurvivesAsync(file.Content, model.Bytes, [], random, null);
    }

    private static async Task<(RecordingFile File, Qcow2Disk Disk, int SizeBytes)> CreateAsync(Random random)
    {
        var clusterBytes = s_clusterBytes[random.Next(s_clusterBytes.Length)];
        var size = Math.Min(clusterBytes * 150, 600 << 10);
        var file = new RecordingFile([]);
        await Qcow2Disk.WriteEmptyAsync(file, size, new Qcow2CreateOptions { ClusterBytes = clusterBytes, RefcountBits = s_refcountBits[random.Next(s_refcountBits.Length)] });
        await file.FlushAsync(default);
        return (file, await Qcow2Disk.OpenAsync(file, new DiskOptions { MetadataCacheBytes = 64 << 10 }, BackingChain.Start("image")), size);
    }

    private static async Task AssertSurvivesAsync(byte[] image, byte[] flushed, HashSet<int> changed, Random random, string? path, IBlockBackend? backing = null)
    {
        var result = await Qcow2Check.RunAsync(new RecordingFile(image), Qcow2Repair.None, null, default);
        Assert.True(result.IsConsistent, string.Join('\n', result.Problems));
        if (path is not null)
        {
            File.WriteAllBytes(path, image);
            Qemu.AssertClean(path, allowsLeaks: true);
        }

        // Repairing leaves no leak, and writing afterwards keeps everything.
        var file = new RecordingFile(image);
        await Qcow2Check.RunAsync(file, Qcow2Repair.Leaks, null, default);
        result = await Qcow2Check.RunAsync(file, Qcow2Repair.None, null, default);
        Assert.True(result is { Corruptions: 0, LeakedClusters: 0 }, string.Join('\n', result.Problems));
        var disk = await Qcow2Disk.OpenAsync(file, new DiskOptions { BackingDisk = backing }, BackingChain.Start("image"));
        var content = await DiskModel.ReadAllAsync(disk);
        Assert.True(content.Length >= flushed.Length);
        for (var sector = 0; sector * 512 < flushed.Length; sector++)
        {
            var length = Math.Min(512, flushed.Length - (sector * 512));
            if (!changed.Contains(sector) && !content.AsSpan(sector * 512, length).SequenceEqual(flushed.AsSpan(sector * 512, length)))
            {
                Assert.Fail($"The flushed sector {sector} is lost.");
            }
        }

        var model = new DiskModel(disk, content, random);
        for (var i = 0; i < 5; i++)
        {
            await model.WriteAsync(random.Next(content.Length - 2000), 2000);
        }

        await model.AssertReadsAllAsync();
        await disk.DisposeAsync();
        result = await Qcow2Check.RunAsync(file, Qcow2Repair.None, null, default);
        Assert.True(result is { Corruptions: 0, LeakedClusters: 0 }, string.Join('\n', result.Problems));
    }
}
