using System.Text.Json;
using Vivarium.Storage;

namespace Vivarium.Cli.Tests;

/// <summary>Disk images through the command line, from creation to commit.</summary>
[Collection("console")]
public sealed class DiskCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vivarium-cli").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_disk_goes_through_all_commands()
    {
        await SucceedsAsync("create", PathOf("base.qcow2"), "4M", "--cluster-size", "4K");
        await SucceedsAsync("create", PathOf("child.qcow2"), "--backing", "base.qcow2");
        var data = new byte[100_000];
        new Random(1).NextBytes(data);
        await using (var disk = await Qcow2Disk.OpenAsync(PathOf("child.qcow2"), new DiskOptions { Backing = BackingPolicy.SameFolder }))
        {
            await disk.WriteAsync(1_000_000, [data]);
        }

        await SucceedsAsync("check", PathOf("child.qcow2"));
        await SucceedsAsync("resize", PathOf("child.qcow2"), "8M");
        await SucceedsAsync("convert", PathOf("child.qcow2"), PathOf("whole.img"));
        await SucceedsAsync("commit", PathOf("child.qcow2"));
        await SucceedsAsync("convert", PathOf("base.qcow2"), PathOf("again.raw"));
        foreach (var file in (string[])["whole.img", "again.raw"])
        {
            var content = File.ReadAllBytes(PathOf(file));
            Assert.Equal(8 << 20, content.Length);
            Assert.True(content.AsSpan(1_000_000, data.Length).SequenceEqual(data));
            Assert.Equal(-1, content.AsSpan(1_000_000 + data.Length).IndexOfAnyExcept((byte)0));
        }

        var (code, errors) = await RunAsync("resize", PathOf("base.qcow2"), "1M");
        Assert.Equal(64, code);
        Assert.Contains("--shrink", errors, StringComparison.Ordinal);
        await SucceedsAsync("resize", PathOf("base.qcow2"), "1M", "--shrink");
        (code, errors) = await RunAsync("create", PathOf("base.qcow2"), "1M");
        Assert.Equal(64, code);
        Assert.Contains("exists", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Info_is_json_on_request()
    {
        await SucceedsAsync("create", PathOf("disk.qcow2"), "1T", "--zstd");
        var output = Console.Out;
        using var text = new StringWriter();
        Console.SetOut(text);
        try
        {
            await SucceedsAsync("info", PathOf("disk.qcow2"), "--json");
        }
        finally
        {
            Console.SetOut(output);
        }

        var info = JsonDocument.Parse(text.ToString()).RootElement;
        Assert.Equal(1L << 40, info.GetProperty("sizeBytes").GetInt64());
        Assert.Equal("zstd", info.GetProperty("compression").GetString());
        Assert.True(info.GetProperty("hostBytes").GetInt64() < 1 << 20);
    }

    [Fact]
    public async Task A_check_tells_what_is_wrong_by_its_code()
    {
        await SucceedsAsync("create", PathOf("disk.qcow2"), "4M");
        var good = File.ReadAllBytes(PathOf("disk.qcow2"));

        // The refcount block is the third cluster: a fifth cluster that nobody uses, then a header that is not counted.
        var leaky = good[..];
        Array.Resize(ref leaky, 5 << 16);
        leaky[(2 << 16) + 9] = 1;
        File.WriteAllBytes(PathOf("disk.qcow2"), leaky);
        Assert.Equal(3, (await RunAsync("check", PathOf("disk.qcow2"))).Code);
        await SucceedsAsync("check", PathOf("disk.qcow2"), "--repair", "leaks");
        await SucceedsAsync("check", PathOf("disk.qcow2"));
        var corrupt = good[..];
        corrupt[(2 << 16) + 1] = 0;
        File.WriteAllBytes(PathOf("disk.qcow2"), corrupt);
        Assert.Equal(2, (await RunAsync("check", PathOf("disk.qcow2"))).Code);
        await SucceedsAsync("check", PathOf("disk.qcow2"), "--repair", "all");
        await SucceedsAsync("check", PathOf("disk.qcow2"));
    }

    private static async Task SucceedsAsync(params string[] arguments)
    {
        var (code, errors) = await RunAsync(arguments);
        Assert.True(code == 0, errors);
    }

    private static async Task<(int Code, string Errors)> RunAsync(params string[] arguments)
    {
        using var errors = new StringWriter();
        var code = await CommandLine.InvokeAsync(["disk", .. arguments], errors);
        return (code, errors.ToString());
    }

    private string PathOf(string name) => Path.Combine(_folder, name);
}
