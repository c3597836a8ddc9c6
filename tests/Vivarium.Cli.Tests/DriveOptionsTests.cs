using Vivarium.Storage;

namespace Vivarium.Cli.Tests;

public sealed class DriveOptionsTests
{
    [Theory]
    [InlineData("a.qcow2", DiskFormat.Qcow2, false, false)]
    [InlineData("a.img,overlay=on", DiskFormat.Raw, false, true)]
    [InlineData("a.qcow2,format=raw,readonly=on,if=virtio", DiskFormat.Raw, true, false)]
    [InlineData("a,format=qcow2,overlay=off", DiskFormat.Qcow2, false, false)]
    public void A_drive_is_understood(string text, DiskFormat format, bool isReadOnly, bool hasOverlay) =>
        Assert.Equal(new DriveOptions(text.Split(',')[0], format, isReadOnly, hasOverlay), DriveOptions.Parse(text));

    [Theory]
    [InlineData("a.img", "Virtio")]
    [InlineData("a.img,if=ahci", "Ahci")]
    [InlineData("a.img,if=nvme", "Nvme")]
    public void A_drive_has_its_interface(string text, string expected) => Assert.Equal(expected, DriveOptions.Parse(text).Interface.ToString());

    [Theory]
    [InlineData("", "takes")]
    [InlineData("disk", "add format=raw")]
    [InlineData("a.img,if=floppy", "'if=floppy'")]
    [InlineData("a.img,format=vdi", "'format=vdi'")]
    [InlineData("a.img,overlay", "'overlay'")]
    public void What_is_wrong_is_said(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => DriveOptions.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_raw_disk_that_begins_like_qcow2_stays_raw()
    {
        var folder = Directory.CreateTempSubdirectory("vivarium-drive").FullName;
        try
        {
            var path = Path.Combine(folder, "disk.img");
            var content = new byte[4096];
            "QFI\u00fb"u8.CopyTo(content);
            await File.WriteAllBytesAsync(path, content);
            await using (var disk = await DriveOptions.Parse(path + ",overlay=on").OpenAsync())
            {
                Assert.Equal(4096, disk.SizeBytes);
                await disk.WriteAsync(0, [new byte[512]]);
            }

            Assert.Equal(content, await File.ReadAllBytesAsync(path));
            await Assert.ThrowsAsync<UsageException>(async () => await DriveOptions.Parse(Path.Combine(folder, "none.img")).OpenAsync());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
