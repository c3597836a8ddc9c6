using System.Diagnostics;
using Vivarium.Scheduling;

namespace Vivarium.Measurements;

/// <summary>From Build() to the first guest instruction.</summary>
internal static class StartLatency
{
    private const int Runs = 25;
    private const int WarmUps = 10;
    private const double AllowedMs = 20;

    public static async Task<int> RunAsync(MeasurementOptions options)
    {
        var report = new Report("Build() to the first guest instruction, warm", options.MarkdownFile, "what", "must", "measured");
        var linux = new LinuxGuest("cloud");
        var loader = linux.CreateLoader();
        await MeasureAsync(report, "tiny guest, 256 MiB", () => options.CreateBuilder().WithBootLoader(Tiny()));
        await MeasureAsync(report, "tiny guest, 4 GiB, 2 vCPUs", () => options.CreateBuilder().WithBootLoader(Tiny()).WithMemory(4UL << 30).WithCpus(2));
        await MeasureAsync(report, "Debian cloud kernel, 4 GiB", () => options.CreateBuilder().WithBootLoader(loader).WithMemory(4UL << 30));
        return report.Finish();
    }

    private static FlatBinaryLoader Tiny() => new(TinyGuests.Sleep(), TinyGuests.Gpa, FlatStartMode.Protected32);

    private static async Task MeasureAsync(Report report, string what, Func<VirtualMachineBuilder> createBuilder)
    {
        var times = new List<double>();
        for (var run = 0; run < Runs; run++)
        {
            using var scheduler = new FirstInstructionScheduler(new ThreadPerVcpuScheduler());
            var watch = Stopwatch.StartNew();
            await using var vm = createBuilder().WithScheduler(scheduler).Build();
            await vm.StartAsync();
            await scheduler.FirstInstruction;
            if (run >= WarmUps)
            {
                times.Add(watch.Elapsed.TotalMilliseconds);
            }
        }

        var median = Median.Of(times);
        report.Add(median < AllowedMs, what, $"< {AllowedMs} ms", $"median {median:F1} ms, best {times.Min():F1}, worst {times.Max():F1} of {times.Count}");
    }
}
