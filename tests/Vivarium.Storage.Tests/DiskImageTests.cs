namespace Vivarium.Storage.Tests;

/// <summary>Describing, copying, committing, and which backing files are followed.</summary>
public sealed class DiskImageTests
{
    private static readonly DiskOptions s_anyBacking = new() { Backing = BackingPolicy.Any };

    [Fact]
    public async Task A_commit_moves_everything_into_the_backing_file()
    {
        Qemu.Require();
        using var folder = new TestFolder();
        foreach (var format in (DiskFormat[])[DiskFormat.Raw, DiskFormat.Qcow2])
        {
            var random = new Random(3);
            var (below, top) = (folder[$"below.{format}"], folder[$"top.{format}"]);
            IBlockBackend first = format == DiskFormat.Raw ? await RawDisk.CreateAsync(below, 1 << 20) : await Qcow2Disk.CreateAsync(below, 1 << 20);
            var model = new DiskModel(first, new byte[1 << 20], random);
            await model.WriteAsync(0, 500_000);
            await first.DisposeAsync();
            model.Disk = await Qcow2Disk.CreateAsync(top, 3 << 20, new Qcow2CreateOptions { BackingFile = below, BackingFormat = format }, s_anyBacking);
            model.Bytes = [.. model.Bytes, .. new byte[2 << 20]];
            for (var i = 0; i < 40; i++)
            {
                await model.StepAsync(200_000);
            }

            await model.Disk.WriteZeroesAsync(100_000, 300_000, mayUnmap: true);
            model.Bytes.AsSpan(100_000, 300_000).Clear();
            await model.Disk.DisposeAsync();
            await DiskImage.CommitAsync(top, s_anyBacking);
            Assert.True(model.Bytes.AsSpan().SequenceEqual(Qemu.ReadAll(below, format == DiskFormat.Raw ? "raw" : "qcow2")));
            Assert.True(model.Bytes.AsSpan().SequenceEqual(Qemu.ReadAll(top, "qcow2")));
            Qemu.AssertClean(top);
            Assert.Equal(0, (await DiskImage.CheckAsync(top)).AllocatedClusters);
        }
    }

    [Fact]
    public async Task A_copy_is_thin()
    {
        using var folder = new TestFolder();
        var data = new byte[100_000];
        new Random(1).NextBytes(data);
        await using var ram = new RamDisk(1L << 40);
        await using var qcow2 = await Qcow2Disk.CreateAsync(folder["source"], 1L << 40);
        await using var raw = await RawDisk.CreateAsync(folder["raw"], 1L << 40);
        foreach (var source in (IBlockBackend[])[ram, qcow2, raw, new OverlayDisk(ram), new ReadOnlyDisk(qcow2)])
        {
            if (source is not (OverlayDisk or ReadOnlyDisk))
            {
                await source.WriteAsync(5_000_000, [data]);
            }

            File.Delete(folder["disk"]);
            await using var target = await Qcow2Disk.CreateAsync(folder["disk"], 1L << 40);
            await DiskImage.CopyAsync(source, target);
            var back = new byte[data.Length];
            await target.ReadAsync(5_000_000, [back]);
            Assert.Equal(data, back);
            Assert.True(new FileInfo(folder["disk"]).Length < 1 << 20);
        }
    }

    [Fact]
    public async Task Info_says_what_qemu_says()
    {
        Qemu.Require();
        using var folder = new TestFolder();
        Qemu.Img("create", "-q", "-f", "raw", folder["base"], "1M");
        Qemu.Img("create", "-q", "-f", "qcow2", "-o", "cluster_size=4096,refcount_bits=8,compression_type=zstd", "-b", "base", "-F", "raw", folder["disk"], "5M");
        Qemu.Img("snapshot", "-c", "before", folder["disk"]);
        var info = await DiskImage.GetInfoAsync(folder["disk"], DiskFormat.Qcow2);
        Assert.Equal((3, 4096, 8, "zstd", "base", "raw", 5L << 20), (info.Version, info.ClusterBytes, info.RefcountBits, info.Compression, info.BackingFile, info.BackingFormat, info.SizeBytes));
        Assert.Equal(["before"], info.Snapshots);
        Assert.Equal(Qemu.Info(folder["disk"], "qcow2").GetProperty("virtual-size").GetInt64(), info.SizeBytes);
        Assert.Equal(DiskFormat.Qcow2, await DiskImage.DetectFormatAsync(folder["disk"]));
        Assert.Equal(DiskFormat.Raw, await DiskImage.DetectFormatAsync(folder["base"]));
    }

    [Fact]
    public async Task Backing_files_are_followed_where_the_policy_says()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder["images/deep"]);
        Directory.CreateDirectory(folder["secret"]);
        File.WriteAllText(folder["secret/shadow"], "root");
        File.WriteAllBytes(folder["images/base"], new byte[4096]);
        File.WriteAllBytes(folder["images/deep/base"], new byte[4096]);
        File.CreateSymbolicLink(folder["images/link"], folder["secret/shadow"]);
        File.CreateSymbolicLink(folder["images/folder"], folder["secret"]);
        File.CreateSymbolicLink(folder["images/good"], "deep/base");
        var evil = new[] { "../secret/shadow", folder["secret/shadow"], "link", "folder/shadow", "deep/../../secret/shadow", "file:../secret/shadow", "nbd://host/disk", "json:{}", "", "http:x" };
        var image = folder["images/disk"];
        foreach (var (policy, allowed) in ((BackingPolicy, string[])[])[
            (BackingPolicy.None, []),
            (BackingPolicy.SameFolder, ["base", "deep/base", folder["images/base"], "good", "file:base"]),
            (BackingPolicy.Below(folder["secret"]), ["../secret/shadow", "link", "folder/shadow"])])
        {
            foreach (var name in (string[])[.. evil, "base", "deep/base", "good", "file:base", folder["images/base"]])
            {
                if (allowed.Contains(name) || (policy != BackingPolicy.None && policy != BackingPolicy.SameFolder && name.EndsWith("shadow", StringComparison.Ordinal)))
                {
                    Assert.True(File.Exists(policy.Follow(image, name)));
                }
                else
                {
                    Assert.Throws<DiskImageException>(() => policy.Follow(image, name));
                }
            }
        }

        await Qcow2Disk.CreateAsync(image, 4096, new Qcow2CreateOptions { BackingFile = "base", BackingFormat = DiskFormat.Raw }, s_anyBacking).AsTask().ContinueWith(task => task.Result.DisposeAsync().AsTask()).Unwrap();
        await Assert.ThrowsAsync<DiskImageException>(() => Qcow2Disk.OpenAsync(image).AsTask());
        await (await Qcow2Disk.OpenAsync(image, new DiskOptions { Backing = BackingPolicy.SameFolder })).DisposeAsync();
    }

    [Fact]
    public async Task Circles_and_endless_chains_of_backing_files_are_refused()
    {
        Qemu.Require();
        using var folder = new TestFolder();
        Qemu.Img("create", "-q", "-u", "-f", "qcow2", "-b", "b", "-F", "qcow2", folder["a"], "1M");
        Qemu.Img("create", "-q", "-u", "-f", "qcow2", "-b", "a", "-F", "qcow2", folder["b"], "1M");
        var exception = await Assert.ThrowsAsync<DiskImageException>(() => Qcow2Disk.OpenAsync(folder["a"], new DiskOptions { IsReadOnly = true, Backing = BackingPolicy.Any }).AsTask());
        Assert.Contains("circle", exception.Message, StringComparison.Ordinal);
        for (var i = 0; i < 70; i++)
        {
            File.Copy(folder["a"], folder[$"{i}"]);
            Qemu.Img("rebase", "-u", "-f", "qcow2", "-b", $"{i + 1}", "-F", "qcow2", folder[$"{i}"]);
        }

        exception = await Assert.ThrowsAsync<DiskImageException>(() => Qcow2Disk.OpenAsync(folder["0"], s_anyBacking).AsTask());
        Assert.Contains("64", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backing_file_without_a_format_is_not_guessed()
    {
        Qemu.Require();
        using var folder = new TestFolder();
        Qemu.Img("create", "-q", "-f", "raw", folder["base"], "1M");
        Qemu.Img("create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", folder["disk"], "1M");

        // Another type in place of the header extension's that says it.
        var bytes = File.ReadAllBytes(folder["disk"]);
        bytes[bytes.AsSpan(0, 512).IndexOf((byte[])[0xE2, 0x79, 0x2A, 0xCA])] = 0x11;
        File.WriteAllBytes(folder["disk"], bytes);
        var exception = await Assert.ThrowsAsync<DiskImageException>(() => Qcow2Disk.OpenAsync(folder["disk"], s_anyBacking).AsTask());
        Assert.Contains("format", exception.Message, StringComparison.Ordinal);
    }
}
