using System.Buffers.Binary;

namespace Vivarium.Storage.Tests;

/// <summary>Images that lie: a sentence or an I/O error, never another exception, a hang or unbounded memory.</summary>
public sealed class Qcow2BadImageTests
{
    [Theory]
    [InlineData(3, 0, "no qcow2")]
    [InlineData(4, 4u, "version")]
    [InlineData(20, 22u, "clusters")]
    [InlineData(20, 8u, "clusters")]
    [InlineData(32, 1u, "encrypted")]
    [InlineData(32, 2u, "LUKS")]
    [InlineData(24, 0x7FFFFFFFu, "bounds,L1")]
    [InlineData(36, 0u, "L1")]
    [InlineData(36, 0x7FFFFFFFu, "L1")]
    [InlineData(40, 1u, "L1")]
    [InlineData(44, 0x30001u, "L1")]
    [InlineData(56, 0u, "refcount")]
    [InlineData(56, 0x7FFFFFFFu, "refcount")]
    [InlineData(52, 0x10200u, "refcount")]
    [InlineData(60, 1u, "snapshot")]
    [InlineData(60, 0xFFFFFFu, "snapshots")]
    [InlineData(76, 4u, "another file")]
    [InlineData(76, 16u, "subclusters")]
    [InlineData(76, 0x100u, "0x100")]
    [InlineData(72, 0x80000000u, "0x8")]
    [InlineData(76, 8u, "compression")]
    [InlineData(76, 2u, "corrupt")]
    [InlineData(96, 7u, "refcounts")]
    [InlineData(100, 96u, "header")]
    [InlineData(100, 0x10000001u, "header")]
    [InlineData(16, 1024u, "")]
    public async Task A_bad_header_is_refused_with_a_sentence(int offset, uint value, string words)
    {
        var image = await EmptyAsync(4096);
        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(offset), value);
        if (offset == 16)
        {
            BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(8), 200);
        }

        var exception = await Assert.ThrowsAsync<DiskImageException>(() => OpenAsync(image, isReadOnly: false));
        Assert.True(words.Split(',').Any(word => exception.Message.Contains(word, StringComparison.Ordinal)), exception.Message);
        Assert.EndsWith(".", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_corrupt_image_opens_for_reading()
    {
        var image = await EmptyAsync(4096);
        image[79] |= 2;
        await OpenAsync(image, isReadOnly: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_image_that_was_not_closed_is_repaired(bool losesWholeBlock)
    {
        var file = new RecordingFile(await EmptyAsync(4096));
        var disk = await Qcow2Disk.OpenAsync(file, new DiskOptions(), BackingChain.Start("x"));
        await disk.WriteAsync(0, [new byte[20_000].Select(_ => (byte)9).ToArray()]);
        await disk.DisposeAsync();

        // As lazy refcounts leave it: no counts at all beyond the first clusters.
        var image = file.Content;
        image[79] |= 1;
        var block = (int)BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(4096));
        image.AsSpan(losesWholeBlock ? 4096 : block + 8, losesWholeBlock ? 8 : 400).Clear();
        var check = await Qcow2Check.RunAsync(new RecordingFile(image[..]), Qcow2Repair.None, null, default);
        Assert.True(check.Corruptions > 3);
        file = new RecordingFile(image);
        disk = await Qcow2Disk.OpenAsync(file, new DiskOptions(), BackingChain.Start("x"));
        Assert.Equal(Enumerable.Repeat((byte)9, 20_000), (await DiskModel.ReadAllAsync(disk)).Take(20_000));
        await disk.DisposeAsync();
        Assert.Equal(0, file.Content[79] & 1);
        check = await Qcow2Check.RunAsync(file, Qcow2Repair.None, null, default);
        Assert.Equal((0, 0), (check.Corruptions, check.LeakedClusters));
    }

    [Fact]
    public async Task Tables_that_point_at_tables_are_not_written_over()
    {
        var file = new RecordingFile(await EmptyAsync(4096));
        await using (var disk = await Qcow2Disk.OpenAsync(file, new DiskOptions(), BackingChain.Start("x")))
        {
            await disk.WriteAsync(0, [new byte[4096 * 4]]);
        }

        var image = file.Content;
        var l1 = (int)BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(40));
        var l2 = (int)(BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(l1)) & 0xFFFFFF);
        foreach (var target in (long[])[0, 4096, l1, l2])
        {
            BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(l2), (ulong)Math.Max(target, 0) | (1UL << 63) | (target == 0 ? 1UL << 40 : 0));
            var altered = new RecordingFile(image[..]);
            var disk = await Qcow2Disk.OpenAsync(altered, new DiskOptions(), BackingChain.Start("x"));
            await SimpleDiskTests.AssertFailsAsync(BlockErrorKind.Failed, () => disk.WriteAsync(0, [new byte[512].Select(_ => (byte)0xAB).ToArray()]));
            await disk.WriteAsync(4096, [new byte[512]]);
            await disk.DisposeAsync();
            Assert.False((await Qcow2Check.RunAsync(altered, Qcow2Repair.None, null, default)).IsConsistent);
        }

        // L1 over the refcount table, and the same L2 table twice.
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(l1), 4096 | (1UL << 63));
        await Assert.ThrowsAsync<DiskImageException>(() => OpenAsync(image, isReadOnly: false));
        await OpenAsync(image, isReadOnly: true);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Altered_images_are_refused_or_used_within_bounds(int seed)
    {
        var random = new Random(seed);
        var good = await FullAsync(random);
        var before = GC.GetTotalAllocatedBytes();
        var outcomes = new HashSet<string>();
        for (var i = 0; i < 250; i++)
        {
            var image = Alter(random, good[random.Next(good.Count)]);
            outcomes.Add(await UseAsync(random, image));
        }

        // Some are refused, some fail at a request, some work: the fuzz reaches behind the header.
        Assert.Equal(3, outcomes.Count);
        Assert.True(GC.GetTotalAllocatedBytes() - before < 8L << 30);
    }

    private static async Task<string> UseAsync(Random random, byte[] image)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var outcome = "works";
        try
        {
            await Qcow2Check.RunAsync(new RecordingFile(image[..]), (Qcow2Repair)random.Next(3), null, limit.Token);
        }
        catch (IOException exception) when (exception is DiskImageException or BlockIOException)
        {
            outcome = "refused";
        }

        try
        {
            var disk = await Qcow2Disk.OpenAsync(new RecordingFile(image), new DiskOptions { IsReadOnly = random.Next(4) == 0 }, BackingChain.Start("x"));
            for (var i = 0; i < 12; i++)
            {
                try
                {
                    var buffer = new byte[random.Next(1, 50_000)];
                    var offset = random.Next(3) == 0 ? random.NextInt64(Math.Max(1, disk.SizeBytes)) : random.Next(1 << 18);
                    await (random.Next(6) switch
                    {
                        0 or 1 => disk.ReadAsync(offset, [buffer], limit.Token),
                        2 or 3 => disk.WriteAsync(offset, [buffer], limit.Token),
                        4 => disk.DiscardAsync(offset, buffer.Length, limit.Token),
                        _ => disk.FlushAsync(limit.Token),
                    });
                }
                catch (BlockIOException)
                {
                    outcome = "fails";
                }
            }

            await disk.DisposeAsync();
        }
        catch (DiskImageException exception)
        {
            Assert.EndsWith(".", exception.Message, StringComparison.Ordinal);
            outcome = "refused";
        }

        return outcome;
    }

    /// <summary>Images with everything in them that QEMU and this library make.</summary>
    private static async Task<List<byte[]>> FullAsync(Random random)
    {
        var images = new List<byte[]>();
        foreach (var clusterBytes in (int[])[512, 4096, 65536])
        {
            var file = new RecordingFile(await EmptyAsync(clusterBytes));
            await using var disk = await Qcow2Disk.OpenAsync(file, new DiskOptions(), BackingChain.Start("x"));
            var model = new DiskModel(disk, new byte[256 << 10], random);
            for (var i = 0; i < 40; i++)
            {
                await model.StepAsync(30_000);
            }

            await disk.FlushAsync();
            images.Add(file.Content);
        }

        Qemu.Require();
        using var folder = new TestFolder();
        File.WriteAllBytes(folder["raw"], images[0]);
        foreach (var compression in (string[])["zlib", "zstd"])
        {
            Qemu.Img("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", $"cluster_size=4096,compression_type={compression}", folder["raw"], folder["packed"]);
            Qemu.Img("snapshot", "-c", "s", folder["packed"]);
            images.Add(File.ReadAllBytes(folder["packed"]));
        }

        return images;
    }

    private static byte[] Alter(Random random, byte[] good)
    {
        var image = good[..];
        if (random.Next(5) == 0)
        {
            image = image[..random.Next(image.Length)];
        }

        // Header, tables, and entries: numbers that are near something, huge, or noise.
        var clusterBytes = 1 << good[23];
        for (var change = random.Next(1, 5); change > 0 && image.Length > 120; change--)
        {
            var at = random.Next(3) == 0 ? random.Next(112) & ~3 : (random.Next(Math.Min(image.Length - 8, clusterBytes * 12)) & ~7);
            ulong value = random.Next(5) switch
            {
                0 => (ulong)random.Next(64) * (ulong)clusterBytes | ((ulong)random.Next(4) << 62),
                1 => (ulong)random.NextInt64(),
                2 => ulong.MaxValue >> random.Next(64),
                3 => (ulong)random.Next(256),
                _ => BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(random.Next(image.Length - 8) & ~7)),
            };
            if (at < 112)
            {
                BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(at), (uint)value);
            }
            else
            {
                BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(at), value);
            }
        }

        return image;
    }

    private static async Task<byte[]> EmptyAsync(int clusterBytes)
    {
        var file = new RecordingFile([]);
        await Qcow2Disk.WriteEmptyAsync(file, 256 << 10, new Qcow2CreateOptions { ClusterBytes = clusterBytes });
        return file.Content;
    }

    private static async Task OpenAsync(byte[] image, bool isReadOnly) =>
        await (await Qcow2Disk.OpenAsync(new RecordingFile(image), new DiskOptions { IsReadOnly = isReadOnly }, BackingChain.Start("x"))).DisposeAsync();
}
