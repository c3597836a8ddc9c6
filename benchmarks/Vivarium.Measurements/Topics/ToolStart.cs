using System.Diagnostics;
using Spectre.Console;

namespace Vivarium.Measurements;

/// <summary>What a whole run of the tool costs, under different settings of the runtime, turn by turn.</summary>
internal static class ToolStart
{
    public static async Task<int> RunAsync(MeasurementOptions options, int rounds)
    {
        var guest = new BenchmarkGuest();
        var tiny = Repository.OutputFile("tiny.multiboot");
        await File.WriteAllBytesAsync(tiny, MultibootImage.Wrap(TinyGuests.Print("tiny\n")));
        StartupVariant[] variants = [.. StartupVariant.All()];
        var engine = options.OneEngine.ToString().ToLowerInvariant();
        (string Name, string[] Arguments)[] guests =
        [
            ("tiny guest", ["run", "--engine", engine, "--multiboot", tiny]),
            ("cloud kernel to init", ["run", "--engine", engine, "--memory", "1024M", "--kernel", guest.Kernel, "--initrd", guest.Initrd, "--append", BenchmarkGuest.CommandLine([], 100)]),
        ];
        foreach (var (name, arguments) in guests)
        {
            var costs = variants.ToDictionary(variant => variant, _ => new List<(double Seconds, double CpuSeconds)>());
            for (var round = 1; round <= rounds; round++)
            {
                AnsiConsole.WriteLine($"{name}: round {round} of {rounds}");
                foreach (var variant in variants)
                {
                    costs[variant].Add(await RunOnceAsync(variant, arguments));
                }
            }

            var report = new Report($"The tool from start to end: {name}, engine {engine}, medians of {rounds}", options.MarkdownFile, "variant", "seconds", "seconds of CPU time");
            foreach (var variant in variants)
            {
                report.Add(null, variant.Name, $"{Median.Of(costs[variant].Select(cost => cost.Seconds)):F3}", $"{Median.Of(costs[variant].Select(cost => cost.CpuSeconds)):F3}");
            }

            report.Finish();
        }

        return 0;
    }

    private static async Task<(double Seconds, double CpuSeconds)> RunOnceAsync(StartupVariant variant, string[] arguments)
    {
        var start = new ProcessStartInfo(variant.Program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in variant.Settings)
        {
            start.Environment[name] = value;
        }

        var before = ChildUsage.Seconds();
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? (watch.Elapsed.TotalSeconds, ChildUsage.Seconds() - before)
            : throw new MeasurementException($"{variant.Name} ended with {process.ExitCode}: {await errors}");
    }
}
