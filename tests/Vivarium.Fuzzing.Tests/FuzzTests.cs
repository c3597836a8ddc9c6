namespace Vivarium.Fuzzing.Tests;

/// <summary>Each fuzzer for a second, and each against a bug that was planted for it. eng/fuzz.sh goes on for as long as it is told.</summary>
public sealed class FuzzTests
{
    private const int Seed = 20;
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(1);

    /// <summary>A fuzzer that finds its bug later than this is none.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    public static TheoryData<string> Targets => [.. FuzzTargets.All.Keys];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Nothing_is_found_in_a_short_time(string name)
    {
        Assert.SkipUnless(name != "9p" || OperatingSystem.IsLinux(), "Folders are shared on Linux only.");
        using var target = FuzzTargets.All[name](false);
        var runner = new FuzzRunner(target, Seed);
        var failure = runner.Run(s_short);
        Assert.True(failure is null, $"{name}: {failure}");
        Assert.True(runner.CorpusCount > target.Seeds.Count, "No input reached anything new.");
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_planted_bug_is_found(string name)
    {
        Assert.SkipUnless(name != "9p" || OperatingSystem.IsLinux(), "Folders are shared on Linux only.");
        using var target = FuzzTargets.All[name](true);
        var limits = new FuzzLimits { MemoryBytes = name is "gdb" ? 8 << 20 : 256 << 20 };

        // This one's bug is an endless loop, which takes as long as it may.
        limits = name == "frames" ? limits with { Time = TimeSpan.FromSeconds(5) } : limits;
        var failure = new FuzzRunner(target, Seed, limits).Run(s_patience);
        Assert.NotNull(failure);
        TestContext.Current.TestOutputHelper?.WriteLine(failure.ToString());
        switch (name)
        {
            case "frames":
                Assert.StartsWith("An input took", failure.What, StringComparison.Ordinal);
                break;
            case "gdb" or "vhdx":
                Assert.StartsWith("Too much memory", failure.What, StringComparison.Ordinal);
                break;
            default:
                Assert.Contains(target.GetType().Name, failure.Details, StringComparison.Ordinal);
                break;
        }
    }
}
