namespace Vivarium.Storage.Tests;

/// <summary>What this library writes, QEMU reads, and the other way round; after each sequence the image checks clean.</summary>
public sealed class Qcow2OracleTests
{
    public static TheoryData<int, int, int> Layouts => new()
    {
        { 512, 16, 3 }, { 512, 64, 3 }, { 512, 1, 3 }, { 1024, 2, 3 }, { 2048, 4, 3 }, { 4096, 8, 3 }, { 4096, 16, 2 },
        { 16384, 32, 3 }, { 65536, 16, 3 }, { 65536, 16, 2 }, { 131072, 1, 3 }, { 262144, 64, 3 }, { 1 << 20, 16, 3 }, { 2 << 20, 16, 3 },
    };

    [Theory]
    [MemberData(nameof(Layouts))]
    public async Task Ours_is_read_by_qemu(int clusterBytes, int refcountBits, int version)
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var random = new Random(clusterBytes + refcountBits);
        var path = folder["disk.qcow2"];
        var size = Math.Clamp(clusterBytes * 200, 300_032, 12 << 20) + 512;
        var model = new DiskModel(await Qcow2Disk.CreateAsync(path, size, new Qcow2CreateOptions { ClusterBytes = clusterBytes, RefcountBits = refcountBits, Version = version }), new byte[size], random);
        Qemu.AssertClean(path);
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 100; i++)
            {
                await model.StepAsync(Math.Min(clusterBytes * 5, 1 << 20));
            }

            await model.AssertReadsAllAsync();
            await model.Disk.DisposeAsync();
            Qemu.AssertClean(path);
            Assert.True(model.Bytes.AsSpan().SequenceEqual(Qemu.ReadAll(path, "qcow2")));
            model.Disk = await Qcow2Disk.OpenAsync(path, new DiskOptions { BlocksCaller = round == 1, MetadataCacheBytes = 64 << 10 });
        }

        await model.Disk.DisposeAsync();
    }

    [Theory]
    [InlineData("cluster_size=512,refcount_bits=64")]
    [InlineData("cluster_size=4096,refcount_bits=1,lazy_refcounts=on")]
    [InlineData("cluster_size=65536")]
    [InlineData("cluster_size=65536,compat=0.10")]
    [InlineData("cluster_size=2M,preallocation=metadata")]
    public async Task Qemus_is_read_and_written_on_by_ours(string layout)
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var random = new Random(layout.Length);
        var path = folder["disk.qcow2"];
        var size = 6 << 20;
        var bytes = new byte[size];
        Qemu.Img("create", "-q", "-f", "qcow2", "-o", layout, path, size.ToString());
        for (var round = 0; round < 3; round++)
        {
            Qemu.Io(path, "qcow2", Commands(random, bytes, 150));
            await using (var disk = await Qcow2Disk.OpenAsync(path))
            {
                var model = new DiskModel(disk, bytes, random);
                await model.AssertReadsAllAsync();
                for (var i = 0; i < 60; i++)
                {
                    await model.StepAsync(200_000);
                }
            }

            Qemu.AssertClean(path);
            Assert.True(bytes.AsSpan().SequenceEqual(Qemu.ReadAll(path, "qcow2")));
        }
    }

    [Theory]
    [InlineData("zlib", 65536)]
    [InlineData("zlib", 4096)]
    [InlineData("zlib", 2 << 20)]
    [InlineData("zstd", 65536)]
    [InlineData("zstd", 512)]
    public async Task Compressed_clusters_are_read_and_written_over(string compression, int clusterBytes)
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var random = new Random(clusterBytes);
        var bytes = Compressible(random, 3 << 20);
        File.WriteAllBytes(folder["raw"], bytes);
        Qemu.Img("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", $"cluster_size={clusterBytes},compression_type={compression}", folder["raw"], folder["disk"]);
        await using (var disk = await Qcow2Disk.OpenAsync(folder["disk"]))
        {
            var model = new DiskModel(disk, bytes, random);
            await model.AssertReadsAllAsync();
            for (var i = 0; i < 120; i++)
            {
                await model.StepAsync(100_000);
            }

            await model.AssertReadsAllAsync();
        }

        Qemu.AssertClean(folder["disk"]);
        Assert.True(bytes.AsSpan().SequenceEqual(Qemu.ReadAll(folder["disk"], "qcow2")));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(2)]
    public async Task A_chain_of_backing_files_is_read_written_and_resized(int version)
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var random = new Random(5 + version);
        var bytes = Compressible(random, (1 << 20) + 512);
        File.WriteAllBytes(folder["base.raw"], bytes);
        Qemu.Img("create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", folder["middle.qcow2"], "2M");
        Array.Resize(ref bytes, 2 << 20);
        Qemu.Io(folder["middle.qcow2"], "qcow2", Commands(random, bytes, 30));
        var options = new DiskOptions { Backing = BackingPolicy.SameFolder };
        var model = new DiskModel(
            await Qcow2Disk.CreateAsync(folder["top.qcow2"], null, new Qcow2CreateOptions { BackingFile = "middle.qcow2", BackingFormat = DiskFormat.Qcow2, Version = version, ClusterBytes = 16384 }, options),
            bytes,
            random);
        Assert.Equal(2 << 20, model.Disk.SizeBytes);
        Assert.Equal("middle.qcow2", Qemu.Info(folder["top.qcow2"], "qcow2").GetProperty("backing-filename").GetString());
        foreach (var size in (int[])[2 << 20, 700_416, 3 << 20, 1 << 20, 2 << 20])
        {
            await model.Disk.ResizeAsync(size);
            var old = model.Bytes;
            model.Bytes = new byte[size];
            old.AsSpan(0, Math.Min(size, old.Length)).CopyTo(model.Bytes);
            await model.AssertReadsAllAsync();
            for (var i = 0; i < 60; i++)
            {
                await model.StepAsync(60_000);
            }

            await model.Disk.DisposeAsync();
            Qemu.AssertClean(folder["top.qcow2"]);
            Assert.True(model.Bytes.AsSpan().SequenceEqual(Qemu.ReadAll(folder["top.qcow2"], "qcow2")));
            model.Disk = await Qcow2Disk.OpenAsync(folder["top.qcow2"], options);
        }

        await model.Disk.DisposeAsync();
    }

    [Theory]
    [InlineData(65536, 3)]
    [InlineData(4096, 3)]
    [InlineData(4096, 2)]
    public async Task Internal_snapshots_keep_their_content(int clusterBytes, int version)
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var random = new Random(clusterBytes);
        var path = folder["disk.qcow2"];
        var size = 2 << 20;
        var bytes = new byte[size];
        await (await Qcow2Disk.CreateAsync(path, size, new Qcow2CreateOptions { ClusterBytes = clusterBytes, Version = version })).DisposeAsync();
        var snapshots = new List<byte[]>();
        for (var round = 0; round < 4; round++)
        {
            await using (var disk = await Qcow2Disk.OpenAsync(path))
            {
                var model = new DiskModel(disk, bytes, random);
                await model.AssertReadsAllAsync();
                for (var i = 0; i < 50; i++)
                {
                    await model.StepAsync(60_000);
                }
            }

            Qemu.AssertClean(path);
            snapshots.Add(bytes[..]);
            Qemu.Img("snapshot", "-c", $"s{round}", path);
        }

        // Each is taken back by QEMU, and the disk goes on from there.
        foreach (var index in (int[])[1, 3, 0, 2])
        {
            Qemu.Img("snapshot", "-a", $"s{index}", path);
            await using var disk = await Qcow2Disk.OpenAsync(path);
            var model = new DiskModel(disk, snapshots[index][..], random);
            await model.AssertReadsAllAsync();
            for (var i = 0; i < 20; i++)
            {
                await model.StepAsync(60_000);
            }
        }

        Qemu.AssertClean(path);
    }

    [Fact]
    public async Task A_terabyte_costs_nothing_until_it_is_used()
    {
        using var folder = new TestFolder();
        var path = folder["disk.qcow2"];
        await using (var disk = await Qcow2Disk.CreateAsync(path, 1L << 40))
        {
            Assert.True(new FileInfo(path).Length < 1 << 20);
            var model = new byte[100_000];
            new Random(1).NextBytes(model);
            foreach (var offset in (long[])[0, 123_456_789_012, (1L << 40) - model.Length])
            {
                await disk.WriteAsync(offset, [model]);
                var back = new byte[model.Length];
                await disk.ReadAsync(offset, [back]);
                Assert.Equal(model, back);
            }

            await disk.ResizeAsync(4L << 40);
            await disk.DiscardAsync(0, 4L << 40);
            await disk.WriteZeroesAsync(0, 4L << 40, mayUnmap: true);
        }

        Assert.True(new FileInfo(path).Length < 2 << 20);
        if (OperatingSystem.IsLinux())
        {
            Qemu.Require();
            Qemu.AssertClean(path);
            Assert.Equal(4L << 40, Qemu.Info(path, "qcow2").GetProperty("virtual-size").GetInt64());
        }
    }

    [Fact]
    public async Task Requests_side_by_side_keep_to_their_ranges()
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var path = folder["disk.qcow2"];
        const int Writers = 8;
        const int ShareBytes = 300_000;
        var expected = new byte[Writers * ShareBytes];
        await using (var disk = await Qcow2Disk.CreateAsync(path, expected.Length, new Qcow2CreateOptions { ClusterBytes = 4096 }, new DiskOptions { MetadataCacheBytes = 64 << 10 }))
        {
            // Shares begin and end within clusters, so that neighbours meet in them.
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
            {
                var random = new Random(writer);
                for (var i = 0; i < 250; i++)
                {
                    var start = random.Next(ShareBytes - 1);
                    var length = random.Next(1, Math.Min(20_000, ShareBytes - start) + 1);
                    var data = new byte[length];
                    switch (random.Next(8))
                    {
                        case 0:
                            await disk.WriteZeroesAsync((writer * ShareBytes) + start, length, mayUnmap: random.Next(2) == 0);
                            break;
                        case 1:
                            await disk.FlushAsync();
                            continue;
                        case 2:
                            await disk.ReadAsync((writer * ShareBytes) + start, [data]);
                            Assert.True(data.AsSpan().SequenceEqual(expected.AsSpan((writer * ShareBytes) + start, length)));
                            continue;
                        default:
                            random.NextBytes(data);
                            await disk.WriteAsync((writer * ShareBytes) + start, [data]);
                            break;
                    }

                    data.CopyTo(expected.AsSpan((writer * ShareBytes) + start));
                }
            })));
            var content = await DiskModel.ReadAllAsync(disk);
            Assert.True(content.AsSpan(0, expected.Length).SequenceEqual(expected));
        }

        Qemu.AssertClean(path);
        Assert.True(expected.AsSpan().SequenceEqual(Qemu.ReadAll(path, "qcow2").AsSpan(0, expected.Length)));
    }

    /// <summary>Random commands for qemu-io, applied to the model too.</summary>
    private static IEnumerable<string> Commands(Random random, byte[] bytes, int count)
    {
        var commands = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var offset = random.Next(bytes.Length / 512) * 512;
            var length = Math.Min(random.Next(1, 200) * 512, bytes.Length - offset);
            var pattern = random.Next(1, 255);
            switch (random.Next(6))
            {
                case 0:
                    commands.Add($"write -q -z {(random.Next(2) == 0 ? "-u " : "")}{offset} {length}");
                    bytes.AsSpan(offset, length).Clear();
                    break;
                case 1:
                    commands.Add("flush");
                    break;
                default:
                    commands.Add($"write -q -P {pattern} {offset} {length}");
                    bytes.AsSpan(offset, length).Fill((byte)pattern);
                    break;
            }
        }

        return commands;
    }

    private static byte[] Compressible(Random random, int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i += 1000)
        {
            bytes.AsSpan(i, Math.Min(1000, length - i)).Fill((byte)random.Next(4));
            bytes[i + random.Next(Math.Min(1000, length - i))] = (byte)random.Next(256);
        }

        return bytes;
    }
}
