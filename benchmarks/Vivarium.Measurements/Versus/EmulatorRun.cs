using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Vivarium.Measurements;

/// <summary>One boot of the benchmark guest, timed by the host's clock from the marks that the guest prints.</summary>
internal sealed partial class EmulatorRun
{
    private static readonly TimeSpan s_farewell = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, Cost> _costs = [];
    private readonly Dictionary<string, double> _figures = [];
    private readonly Queue<string> _lastWords = new();
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private (string Name, double Seconds, double CpuSeconds)? _begun;

    private EmulatorRun()
    {
    }

    /// <summary>From the start of the process to the guest's first program; null if it did not come to that.</summary>
    public Cost? Boot { get; private set; }

    public long PeakResidentBytes { get; private set; }

    /// <summary>What each workload took that ended well.</summary>
    public IReadOnlyDictionary<string, Cost> Costs => _costs;

    /// <summary>What the guest measured itself.</summary>
    public IReadOnlyDictionary<string, double> Figures => _figures;

    /// <summary>The workload in which the guest or its emulator stopped; null if all had their turn.</summary>
    public string? DiedIn => _begun?.Name;

    /// <summary>Whether all workloads had their turn.</summary>
    public bool IsDone { get; private set; }

    /// <summary>The end of what the emulator and its guest printed.</summary>
    public IEnumerable<string> LastWords => _lastWords;

    public static async Task<EmulatorRun> RunAsync(Emulator emulator, string commandLine, TimeSpan patience)
    {
        var run = new EmulatorRun();
        using var process = Process.Start(new ProcessStartInfo(emulator.File, emulator.Arguments(commandLine))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(patience);
        try
        {
            while (await process.StandardOutput.ReadLineAsync(timeout.Token) is { } line)
            {
                run.Hear(line, process.Id);
                if (run.IsDone)
                {
                    timeout.CancelAfter(s_farewell);
                }
            }

            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        foreach (var line in (await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            run.Remember(line);
        }

        return run;
    }

    private void Hear(string line, int processId)
    {
        var seconds = _watch.Elapsed.TotalSeconds;
        if (Mark().Match(line) is not { Success: true } mark)
        {
            Remember(line);
            return;
        }

        var cpuSeconds = ProcessFigures.CpuSeconds(processId);
        PeakResidentBytes = Math.Max(PeakResidentBytes, ProcessFigures.PeakResidentBytes(processId));
        switch (mark.Groups["what"].Value)
        {
            case "boot":
                Boot = new Cost(seconds, cpuSeconds);
                break;
            case "begin":
                _begun = (mark.Groups["name"].Value, seconds, cpuSeconds);
                break;
            case "end" when _begun is { } begun:
                if (mark.Groups["status"].Value == "0")
                {
                    _costs[begun.Name] = new Cost(seconds - begun.Seconds, cpuSeconds - begun.CpuSeconds);
                }

                _begun = null;
                break;
            case "figure" when double.TryParse(mark.Groups["value"].Value, CultureInfo.InvariantCulture, out var value):
                _figures[mark.Groups["name"].Value] = value;
                break;
            case "done":
                IsDone = true;
                break;
        }
    }

    private void Remember(string line)
    {
        _lastWords.Enqueue(line);
        if (_lastWords.Count > 12)
        {
            _lastWords.Dequeue();
        }
    }

    [GeneratedRegex(@"#bench (?<what>boot|begin|end|figure|done)\b ?(?<name>[\w-]*) ?(?<value>(?<status>\d*)[\d.]*)")]
    private static partial Regex Mark();

    /// <param name="Seconds">By the host's clock.</param>
    /// <param name="CpuSeconds">Of the whole emulator process.</param>
    internal readonly record struct Cost(double Seconds, double CpuSeconds);
}
