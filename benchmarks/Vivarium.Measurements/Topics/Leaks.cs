using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Vivarium.Measurements;

/// <summary>
/// The benchmark guest boots, works and powers off again and again in this process. Once the first rounds have made room for what stays,
/// neither memory nor mappings, threads or open files may grow.
/// </summary>
internal static class Leaks
{
    private const ulong MemoryBytes = 1UL << 30;

    /// <summary>Rounds, at least, that fill caches and pools, the collector's included.</summary>
    private const int WarmUps = 3;

    /// <summary>
    /// Part of a long run that is not looked at either: .NET compiles a method after thirty calls to watch it, and after thirty more for good, which for one
    /// that runs once a round is after sixty rounds, and the compiler keeps the memory.
    /// </summary>
    private const double WarmUpPart = 0.25;

    private const int ScalePercent = 20;

    /// <summary>What the median of the last third may be above that of the first: the collector's heap breathes.</summary>
    private const double AllowedGrowthMiB = 8;

    /// <summary>Handles of the collector and the thread pool come and go.</summary>
    private const int AllowedGrowthCount = 4;

    /// <summary>Mappings of code that .NET has compiled are not counted: a method that runs once a round is compiled again after dozens of rounds.</summary>
    private const string RuntimeCode = "doublemapper";

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    public static async Task<int> RunAsync(MeasurementOptions options, double minutes, int leastRounds)
    {
        var guest = new BenchmarkGuest();
        var loader = new LinuxBootLoader(await File.ReadAllBytesAsync(guest.Kernel), await File.ReadAllBytesAsync(guest.Initrd), BenchmarkGuest.CommandLine(guest.Workloads, ScalePercent));
        var rounds = new List<Figures>();
        var warmUps = WarmUps;
        await AnsiConsole.Progress().StartAsync(async progress =>
        {
            var task = progress.AddTask("rounds", maxValue: 1);
            var watch = Stopwatch.StartNew();
            while (rounds.Count < warmUps + leastRounds || watch.Elapsed.TotalMinutes < minutes)
            {
                await RunGuestAsync(options, loader);
                rounds.Add(Figures.Now());
                warmUps = watch.Elapsed.TotalMinutes < minutes * WarmUpPart ? Math.Max(WarmUps, rounds.Count) : warmUps;
                task.Value = Math.Min(1, Math.Min((double)rounds.Count / (warmUps + leastRounds), minutes == 0 ? 1 : watch.Elapsed.TotalMinutes / minutes));
                task.Description = string.Create(CultureInfo.InvariantCulture, $"round {rounds.Count}: {rounds[^1].ResidentMiB:F0} MiB");
            }
        });
        rounds.RemoveRange(0, warmUps);
        var report = new Report($"The benchmark guest at {ScalePercent} %, {rounds.Count} times in one process after {warmUps} to warm up", options.MarkdownFile, "what", "first third", "last third", "may grow by");
        Compare(report, rounds, "resident memory, MiB", AllowedGrowthMiB, static round => round.ResidentMiB);
        Compare(report, rounds, "managed heap, MiB", AllowedGrowthMiB / 4, static round => round.ManagedMiB);
        Compare(report, rounds, "mappings", AllowedGrowthCount, static round => round.Mappings);
        Compare(report, rounds, "threads", AllowedGrowthCount, static round => round.Threads);
        Compare(report, rounds, "open files", AllowedGrowthCount, static round => round.OpenFiles);
        return report.Finish();
    }

    private static async Task RunGuestAsync(MeasurementOptions options, IBootLoader loader)
    {
        await using var vm = options.CreateBuilder().WithMemory(MemoryBytes).WithBootLoader(loader).Build();
        var output = vm.Console.Output.CopyToAsync(Stream.Null);
        await vm.StartAsync();
        var reason = await vm.WaitForShutdownAsync().WaitAsync(s_patience);
        if (reason.Kind != ShutdownKind.GuestPowerOff)
        {
            throw new MeasurementException($"The guest ended with {reason.Kind}, not by powering off.");
        }

        await output;
    }

    private static void Compare(Report report, List<Figures> rounds, string what, double allowed, Func<Figures, double> choose)
    {
        var third = Math.Max(1, rounds.Count / 3);
        var first = Median.Of([.. rounds.Take(third).Select(choose)]);
        var last = Median.Of([.. rounds.TakeLast(third).Select(choose)]);
        report.Add(last - first <= allowed, what, first.ToString("F0", CultureInfo.InvariantCulture), last.ToString("F0", CultureInfo.InvariantCulture), allowed.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>What the process holds between two rounds.</summary>
    private sealed record Figures(double ResidentMiB, double ManagedMiB, double Mappings, double Threads, double OpenFiles)
    {
        public static Figures Now() => new(
            HostProcess.ResidentBytes() / (double)(1 << 20),
            GC.GetTotalMemory(forceFullCollection: true) / (double)(1 << 20),
            File.ReadLines("/proc/self/maps").Count(static line => !line.Contains(RuntimeCode, StringComparison.Ordinal)),
            Directory.GetDirectories("/proc/self/task").Length,
            Directory.GetFileSystemEntries("/proc/self/fd").Length);
    }
}
