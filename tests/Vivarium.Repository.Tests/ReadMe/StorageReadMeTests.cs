using Vivarium.Storage;

namespace Vivarium.Repository.Tests.ReadMe;

public sealed class StorageReadMeTests
{
    [Fact]
    public async Task A_child_forgets()
    {
        var folder = Directory.CreateTempSubdirectory("vivarium-readme").FullName;
        var (path, other) = (Path.Combine(folder, "disk.qcow2"), Path.Combine(folder, "other.qcow2"));
        await (await Qcow2Disk.CreateAsync(other, 1 << 20)).DisposeAsync();
        var sector = Enumerable.Repeat((byte)7, 512).ToArray();
        try
        {
            await using var disk = await Qcow2Disk.CreateAsync(path, 1L << 40);    // a terabyte: 256 KiB of file
            await disk.WriteAsync(4096, [sector]);
            await disk.FlushAsync();                                               // durable, whatever dies now
            await using var child = new OverlayDisk(disk);                         // reads as the disk, writes stay in memory
            await child.WriteAsync(4096, [new byte[512]]);
            child.Reset();                                                         // forgets them
            Console.WriteLine((await DiskImage.GetInfoAsync(other, DiskFormat.Qcow2)).BackingFile ?? "alone");   // alone

            var back = new byte[512];
            await child.ReadAsync(4096, [back]);
            Assert.Equal(sector, back);
            Assert.True(new FileInfo(path).Length < 1 << 20);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_example_is_the_readmes() => Snippet.AssertInTest("src/Vivarium.Storage/README.md", nameof(StorageReadMeTests));
}
