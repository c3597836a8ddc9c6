using Vivarium.X86;

namespace Vivarium;

/// <summary>
/// Runs a guest twice, on the interpreter and on the recompiler, under deterministic schedulers, and compares the machines again and again:
/// processors, devices and memory. Where they part it runs them anew up to the last point at which they were the same, and from there in smaller
/// steps, until one instruction of guest time is left.
/// </summary>
/// <remarks>
/// Each machine has devices of its own, so what the builder is given must be for one machine: a disk that both would write needs an overlay for
/// each. Input from outside would have to reach both at the same instruction, so there is none.
/// </remarks>
public sealed class LockstepRunner
{
    private const long Refinement = 1000;

    private readonly Func<VirtualMachineBuilder> _configure;
    private readonly LockstepOptions _options;

    /// <summary>Takes a function that makes a builder for one machine; it is called for each machine of each pass.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number in <paramref name="options"/> is out of its range.</exception>
    public LockstepRunner(Func<VirtualMachineBuilder> configure, LockstepOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _configure = configure;
        _options = options ?? new LockstepOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.IntervalNs, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.IntervalNs, 1_000_000_000);
    }

    /// <summary>Runs until the guest ends, the end of the options is reached, or the machines differ.</summary>
    /// <param name="progress">Told the guest time of each comparison.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    /// <exception cref="InvalidOperationException">What the function returned does not build.</exception>
    /// <exception cref="VirtualMachineException">A defect ended one of the machines.</exception>
    public async Task<LockstepReport> RunAsync(IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        var report = await PassAsync(0, _options.EndNs ?? long.MaxValue, _options.IntervalNs, _options.Console, progress, cancellationToken).ConfigureAwait(false);
        for (var interval = _options.IntervalNs; interval > 1 && report.Difference is { } difference;)
        {
            interval = Math.Max(1, interval / Refinement);
            var finer = await PassAsync(difference.AfterNs, difference.AtNs, interval, null, progress, cancellationToken).ConfigureAwait(false);
            if (finer.Difference is null)
            {
                // The comparisons themselves make a difference, by taking write pointers back: what was found first stands.
                break;
            }

            report = finer;
        }

        return report;
    }

    private async Task<LockstepReport> PassAsync(long firstNs, long lastNs, long intervalNs, ICharacterSink? console, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var reference = new LockstepSide(_configure(), ExecutionEngine.Interpreter, _options, console ?? new NullCharacterSink());
        await using var referenceScope = reference.ConfigureAwait(false);
        var subject = new LockstepSide(_configure(), ExecutionEngine.Recompiler, _options, new NullCharacterSink());
        await using var subjectScope = subject.ConfigureAwait(false);
        var comparer = new LockstepComparer(reference.Machine, subject.Machine);
        var afterNs = 0L;
        var comparisons = 0;
        IReadOnlyList<string> next = [];
        for (var ns = Math.Max(firstNs, intervalNs); ; ns += intervalNs)
        {
            var runs = await Task.WhenAll(reference.RunToAsync(ns, cancellationToken), subject.RunToAsync(ns, cancellationToken)).ConfigureAwait(false);
            comparisons++;
            var lines = runs[0] && runs[1] ? comparer.Compare() : await CompareEndsAsync(reference, subject).ConfigureAwait(false);
            var difference = lines.Count == 0 ? null : new LockstepDifference(afterNs, ns, next, lines);
            if (difference is not null || !runs[0] || ns >= lastNs)
            {
                var end = runs[0] ? null : await reference.Machine.WaitForShutdownAsync(CancellationToken.None).ConfigureAwait(false);
                return new LockstepReport(subject.Instructions, reference.Machine.Clock.NowNs, comparisons, comparer.AdoptedFlagImages, end, difference);
            }

            progress?.Report(ns);
            afterNs = ns;
            next = [.. reference.Machine.Processors.Select(cpu => $"cpu{cpu.Index} {X86CpuComparison.DescribeNext(cpu)}")];
        }
    }

    private static async Task<IReadOnlyList<string>> CompareEndsAsync(LockstepSide reference, LockstepSide subject)
    {
        var (first, second) = (await EndOfAsync(reference).ConfigureAwait(false), await EndOfAsync(subject).ConfigureAwait(false));
        return first == second && reference.Instructions == subject.Instructions
            ? []
            : [$"end: {first} after {reference.Instructions} instructions and {second} after {subject.Instructions}"];
    }

    private static async Task<string> EndOfAsync(LockstepSide side) => side.Machine.State == MachineState.Stopped
        ? (await side.Machine.WaitForShutdownAsync(CancellationToken.None).ConfigureAwait(false)).ToString()
        : "none";
}
