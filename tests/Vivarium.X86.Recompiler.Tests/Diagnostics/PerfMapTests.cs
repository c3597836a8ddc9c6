namespace Vivarium.X86.Tests;

public sealed class PerfMapTests
{
    [Fact]
    public void LinesNameBlocksAndReachTheFileAtOnce()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux perf only.");
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using var map = new PerfMap(path);
            using var other = new PerfMap(path);
            map.Add(unchecked((nint)0x7F00_1234_5678), 0x40, "guest:ffffffff81000010/64");
            other.Add(0x1000, 1, "two\nlines");
            Assert.Equal("7f0012345678 40 guest:ffffffff81000010/64\n1000 1 two lines\n", File.ReadAllText(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void LinksAreNotFollowed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux perf only.");
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.CreateSymbolicLink(path, "/dev/null");
        try
        {
            Assert.Throws<IOException>(() => new PerfMap(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void TheFileIsWherePerfLooks()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux perf only.");
        using var map = new PerfMap();
        try
        {
            Assert.Equal($"/tmp/perf-{Environment.ProcessId}.map", map.FilePath);
        }
        finally
        {
            File.Delete(map.FilePath);
        }
    }
}
