namespace Vivarium.Cli.Tests;

public sealed class BootArgumentsTests
{
    [Theory]
    [InlineData("bios", false, "Disk Cd")]
    [InlineData("bios,order=d", false, "Cd")]
    [InlineData("bios,menu=on,order=dcn", true, "Cd Disk Network")]
    public void What_to_boot_is_understood(string text, bool hasMenu, string order)
    {
        var options = BootArguments.Parse(text, null)!.Options;
        Assert.Equal((hasMenu, order), (options.HasBootMenu, string.Join(' ', options.BootOrder)));
    }

    [Theory]
    [InlineData("uefi", "takes bios")]
    [InlineData("bios,order=x", "order 'x'")]
    [InlineData("bios,order=", "'order='")]
    [InlineData("bios,fast=on", "'fast=on'")]
    public void What_is_wrong_is_said(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => BootArguments.Parse(text, null)).Message, StringComparison.Ordinal);

    [Fact]
    public void Without_either_option_there_is_no_firmware() => Assert.Null(BootArguments.Parse(null, null));

    [Fact]
    public void A_missing_firmware_says_what_to_install() => Assert.Contains(
        "apt-get install seabios",
        Assert.Throws<UsageException>(() => BootArguments.Parse("bios", null)!.CreateLoader(_ => false)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_no_rom_is_refused_by_its_name()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, new byte[100]);
            Assert.Contains(file, Assert.Throws<UsageException>(() => BootArguments.Parse(null, file)!.CreateLoader()).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
