using System.Diagnostics;
using System.Globalization;

namespace Vivarium.X86.Tests;

/// <summary>
/// A long search, on when VIVARIUM_FUZZ_SECONDS is set (see eng/fuzz-cpu.sh): cases from VIVARIUM_FUZZ_SEED on, one thread a processor, until
/// the time is over or an engine is wrong in VIVARIUM_FUZZ_FAILURES ways (1). With VIVARIUM_FUZZ_ORACLE=host the host's processor is asked too.
/// </summary>
public sealed class FuzzRun
{
    private const int ProgressSeconds = 10;

    /// <summary>Whether cases are for the host's processor.</summary>
    public static bool ForHost => Environment.GetEnvironmentVariable("VIVARIUM_FUZZ_ORACLE") == "host";

    [Fact]
    public void EnginesAgreeForLong()
    {
        var seconds = Setting("VIVARIUM_FUZZ_SECONDS", 0);
        Assert.SkipUnless(seconds > 0, "Runs when VIVARIUM_FUZZ_SECONDS is set: use eng/fuzz-cpu.sh.");
        Assert.True(HostMachine.IsSupported || !ForHost, "The host is an oracle on Linux x64 only.");
        var seed = Setting("VIVARIUM_FUZZ_SEED", 1);
        var most = Setting("VIVARIUM_FUZZ_CASES", int.MaxValue);
        var failures = Setting("VIVARIUM_FUZZ_FAILURES", 1);
        var threads = Math.Min(Setting("VIVARIUM_FUZZ_THREADS", Environment.ProcessorCount), most);
        var clock = Stopwatch.StartNew();
        var searches = Enumerable.Range(0, threads).Select(number => new FuzzSearch(seed + number, threads, most, failures, ForHost)).ToList();
        var running = searches.Select(search => search.Start(TimeSpan.FromSeconds(seconds))).ToList();
        for (var next = ProgressSeconds; !running.All(thread => thread.Join(100));)
        {
            if (clock.Elapsed.TotalSeconds >= next)
            {
                next += ProgressSeconds;
                Report(clock, searches);
            }
        }

        Report(clock, searches);
        var found = searches.SelectMany(search => search.Failures).ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    private static void Report(Stopwatch clock, List<FuzzSearch> searches) =>
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{clock.Elapsed.TotalSeconds,6:F0} s  {searches.Sum(s => s.Compared):N0} cases compared, {searches.Sum(s => s.Discarded):N0} discarded, {searches.Sum(s => s.Failed):N0} failed, next seed {searches.Min(s => s.Seed)}"));

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
