using System.ComponentModel;
using Spectre.Console;

namespace Vivarium.Measurements;

/// <summary>Real programs in a Linux guest under QEMU's translator and under ours, turn by turn on the same machine.</summary>
internal static class VersusQemu
{
    private const double AllowedMean = 0.40;
    private const double AllowedOne = 1.00;
    private const double AllowedFast = 0.20;

    /// <summary>What a workload that did not end well counts in the mean.</summary>
    private const double FailureRatio = 10;

    /// <summary>Where the design promises nearly native speed: floating point and cryptography.</summary>
    private static readonly HashSet<string> s_fast = ["sha256", "aes", "matrix", "nbody", "longdouble"];

    public static async Task<int> RunAsync(MeasurementOptions options, VersusOptions versus)
    {
        var guest = new BenchmarkGuest();
        var workloads = Choose(guest, versus.Workloads);
        Emulator[] emulators = [Emulator.Qemu(versus.Qemu, guest), Emulator.Vivarium(versus.Vivarium, options.OneEngine, guest)];
        EmulatorFigures[] figures = [new(), new()];
        for (var round = 1; round <= versus.Rounds; round++)
        {
            for (var i = 0; i < emulators.Length; i++)
            {
                AnsiConsole.WriteLine($"Round {round} of {versus.Rounds}: {emulators[i].Name}");
                await RunAllAsync(emulators[i], workloads, versus, figures[i]);
            }
        }

        return Finish(options, versus, workloads, figures[0], figures[1]);
    }

    private static IReadOnlyList<string> Choose(BenchmarkGuest guest, string? names)
    {
        if (names is null)
        {
            return guest.Workloads;
        }

        var chosen = names.Split(',');
        return Array.Find(chosen, name => !guest.Workloads.Contains(name)) is { } unknown
            ? throw new MeasurementException($"There is no workload '{unknown}'; there are {string.Join(", ", guest.Workloads)}.")
            : chosen;
    }

    /// <summary>A run that ends in the middle of a workload is followed by one of the workloads after it.</summary>
    private static async Task RunAllAsync(Emulator emulator, IReadOnlyList<string> workloads, VersusOptions versus, EmulatorFigures figures)
    {
        for (var left = workloads; left.Count > 0;)
        {
            var run = await RunOnceAsync(emulator, left, versus);
            figures.Add(run);
            foreach (var (name, cost) in run.Costs)
            {
                AnsiConsole.WriteLine($"  {name,-12} {cost.Seconds,8:F2} s {cost.CpuSeconds,8:F2} s of CPU time");
            }

            if (run.IsDone && run.Costs.Count == left.Count)
            {
                // The tool's own last line: engine, instructions, speed.
                if (run.LastWords.LastOrDefault(line => line.StartsWith("vivarium: ", StringComparison.Ordinal)) is { } summary)
                {
                    AnsiConsole.WriteLine($"  {summary}");
                }

                return;
            }

            AnsiConsole.WriteLine($"  {emulator.Name} failed{(run.DiedIn is { } died ? $" in {died}" : "")}; the last words:");
            foreach (var line in run.LastWords)
            {
                AnsiConsole.WriteLine($"  | {line}");
            }

            left = run.DiedIn is null ? [] : [.. left.SkipWhile(each => each != run.DiedIn).Skip(1)];
        }
    }

    private static async Task<EmulatorRun> RunOnceAsync(Emulator emulator, IReadOnlyList<string> workloads, VersusOptions versus)
    {
        try
        {
            return await EmulatorRun.RunAsync(emulator, BenchmarkGuest.CommandLine(workloads, versus.ScalePercent), TimeSpan.FromSeconds(versus.TimeoutSeconds));
        }
        catch (Win32Exception exception)
        {
            throw new MeasurementException($"{emulator.Name} does not start ('{emulator.File}': {exception.Message}); eng/versus.sh says what is missing.");
        }
    }

    private static int Finish(MeasurementOptions options, VersusOptions versus, IReadOnlyList<string> workloads, EmulatorFigures qemu, EmulatorFigures ours)
    {
        // What is promised is promised of the recompiler.
        bool? Judge(bool isGood) => options.OneEngine == ExecutionEngine.Interpreter ? null : isGood;
        var report = new Report(
            $"Against QEMU's TCG, rounds: {versus.Rounds}, scale {versus.ScalePercent} %, engine {options.OneEngine.ToString().ToLowerInvariant()}",
            options.MarkdownFile, "workload", "QEMU, s", "Vivarium, s", "ratio", "ratio of CPU time", "must");
        var ratios = new List<double>();
        var cpuRatios = new List<double>();
        foreach (var workload in workloads)
        {
            var must = s_fast.Contains(workload) ? AllowedFast : AllowedOne;
            if (qemu.Of(workload) is not { } theirs)
            {
                report.Add(null, workload, "failed", ours.Of(workload) is { } alone ? $"{alone.Seconds:F2}" : "failed", "–", "–", "–");
                continue;
            }

            if (ours.Of(workload) is not { } mine)
            {
                ratios.Add(FailureRatio);
                cpuRatios.Add(FailureRatio);
                report.Add(false, workload, Show(theirs), "failed", $"counts {FailureRatio:F0}", "–", $"≤ {must:F2}");
                continue;
            }

            ratios.Add(mine.Seconds / theirs.Seconds);
            cpuRatios.Add(mine.CpuSeconds / Math.Max(0.01, theirs.CpuSeconds));
            report.Add(Judge(ratios[^1] <= must), workload, Show(theirs), Show(mine), $"{ratios[^1]:F2}", $"{cpuRatios[^1]:F2}", $"≤ {must:F2}");
        }

        if (ratios.Count > 0)
        {
            report.Add(Judge(GeometricMean(ratios) <= AllowedMean), "geometric mean", "1", "", $"{GeometricMean(ratios):F2}", $"{GeometricMean(cpuRatios):F2}", $"≤ {AllowedMean:F2}");
        }

        if (qemu.Boot is { } theirBoot && ours.Boot is { } myBoot)
        {
            report.Add(
                Judge(myBoot.Seconds <= theirBoot.Seconds), "process start to init", Show(theirBoot), Show(myBoot),
                $"{myBoot.Seconds / theirBoot.Seconds:F2}", $"{myBoot.CpuSeconds / Math.Max(0.01, theirBoot.CpuSeconds):F2}", "≤ 1.00");
        }

        var memoryRatio = ours.PeakResidentMib / qemu.PeakResidentMib;
        report.Add(Judge(memoryRatio <= 1), "peak resident memory, MiB", $"{qemu.PeakResidentMib:F0}", $"{ours.PeakResidentMib:F0}", $"{memoryRatio:F2}", "–", "≤ 1.00");
        return report.Finish();
    }

    private static string Show((double Seconds, double CpuSeconds, bool IsSteady) cost) => $"{(cost.IsSteady ? "" : "~")}{cost.Seconds:F2}";

    private static double GeometricMean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));
}
