namespace Vivarium.Storage.Tests;

public sealed class VhdxTests
{
    [Theory]
    [InlineData("subformat=dynamic")]
    [InlineData("subformat=dynamic,block_size=1M")]
    [InlineData("subformat=fixed")]
    public async Task Qemus_images_are_read(string layout)
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var random = new Random(layout.Length);
        var bytes = new byte[20 << 20];
        random.NextBytes(bytes.AsSpan(3 << 20, 1 << 20));
        random.NextBytes(bytes.AsSpan(12 << 20, 70_000));
        random.NextBytes(bytes.AsSpan((20 << 20) - 512));
        File.WriteAllBytes(folder["raw"], bytes);
        Qemu.Img("convert", "-f", "raw", "-O", "vhdx", "-o", layout, folder["raw"], folder["disk.vhdx"]);
        await using var disk = await DiskImage.OpenAsync(folder["disk.vhdx"], DiskFormat.Vhdx, new DiskOptions { IsReadOnly = true });
        Assert.True(disk.IsReadOnly);
        Assert.Equal(DiskFormat.Vhdx, await DiskImage.DetectFormatAsync(folder["disk.vhdx"]));
        await new DiskModel(disk, bytes, random).AssertReadsAllAsync();
        await SimpleDiskTests.AssertFailsAsync(BlockErrorKind.ReadOnly, () => disk.WriteAsync(0, [new byte[512]]));
        await using var copy = new RamDisk(disk.SizeBytes);
        await DiskImage.CopyAsync(disk, copy);
        Assert.True(copy.AllocatedBytes < 2 << 20);
        await new DiskModel(copy, bytes, random).AssertReadsAllAsync();
    }

    [Fact]
    public async Task What_cannot_be_used_is_refused_with_a_sentence()
    {
        Qemu.Require();
        using var folder = new TestFolder();
        Qemu.Img("create", "-q", "-f", "vhdx", folder["disk.vhdx"], "20M");
        var good = File.ReadAllBytes(folder["disk.vhdx"]);
        await Assert.ThrowsAsync<DiskImageException>(() => DiskImage.OpenAsync(folder["disk.vhdx"], DiskFormat.Vhdx).AsTask());

        // A log that is not empty: set in both headers, with their checksums.
        await RefusesAsync(good, bytes => Array.ForEach([64 << 10, 128 << 10], at => { bytes[at + 48] = 1; Seal(bytes.AsSpan(at, 4096)); }), "log");
        await RefusesAsync(good, bytes => Array.ForEach([64 << 10, 128 << 10], at => bytes[at + 9] ^= 1), "headers");
        await RefusesAsync(good, bytes => Array.ForEach([192 << 10, 256 << 10], at => bytes[at + 20] ^= 1), "region tables");
        await RefusesAsync(good, bytes => bytes[0] = 0, "no VHDX");
    }

    [Fact]
    public async Task Altered_images_are_refused_or_read()
    {
        Qemu.Require();
        using var folder = new TestFolder();
        File.WriteAllBytes(folder["raw"], new byte[1 << 20].Select((_, i) => (byte)i).ToArray());
        Qemu.Img("convert", "-f", "raw", "-O", "vhdx", "-o", "block_size=1M", folder["raw"], folder["disk.vhdx"]);
        var good = File.ReadAllBytes(folder["disk.vhdx"]);
        var random = new Random(1);
        int[] places = [64 << 10, 128 << 10, 192 << 10, 256 << 10, 2 << 20, (2 << 20) + (64 << 10), 3 << 20];
        for (var i = 0; i < 100; i++)
        {
            var bytes = good[..random.Next(good.Length / 2, good.Length + 1)];
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                var at = places[random.Next(places.Length)] + random.Next(100);
                bytes[Math.Min(at, bytes.Length - 1)] = (byte)random.Next(256);
            }

            Seal(bytes.AsSpan(64 << 10, 4096));
            Seal(bytes.AsSpan(192 << 10, 64 << 10));
            try
            {
                await using var disk = await VhdxDisk.OpenAsync(new RecordingFile(bytes), new DiskOptions { IsReadOnly = true });
                await disk.ReadAsync(0, [new byte[(int)Math.Min(disk.SizeBytes, 4 << 20)]]);
            }
            catch (IOException exception) when (exception is DiskImageException or BlockIOException)
            {
                Assert.EndsWith(".", exception.Message, StringComparison.Ordinal);
            }
        }
    }

    private static async Task RefusesAsync(byte[] good, Action<byte[]> change, string word)
    {
        var bytes = good[..];
        change(bytes);
        var exception = await Assert.ThrowsAsync<DiskImageException>(() => VhdxDisk.OpenAsync(new RecordingFile(bytes), new DiskOptions { IsReadOnly = true }).AsTask());
        Assert.Contains(word, exception.Message, StringComparison.Ordinal);
    }

    private static void Seal(Span<byte> table)
    {
        table.Slice(4, 4).Clear();
        var crc = uint.MaxValue;
        foreach (var each in table)
        {
            crc = System.Numerics.BitOperations.Crc32C(crc, each);
        }

        BitConverter.TryWriteBytes(table[4..], ~crc);
    }
}
