using System.Globalization;

namespace Vivarium.Cli;

/// <summary><c>vivarium run --engine lockstep</c>: the guest on both engines at once, compared until they differ or the guest ends.</summary>
internal sealed class LockstepRun(RunOptions options, TextWriter errors)
{
    public const string EngineName = "lockstep";

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using var serialFile = options.SerialFile is { } file ? FileCharacterSink.Create("--serial", file) : null;
        using var standardOutput = Console.OpenStandardOutput();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (options.TimeoutSeconds is { } seconds)
        {
            deadline.CancelAfter(TimeSpan.FromSeconds(seconds));
        }

        var runner = new LockstepRunner(() => MachineFactory.CreateForLockstep(options), new LockstepOptions
        {
            IntervalNs = options.LockstepInterval,
            Console = (ICharacterSink?)serialFile ?? (options.IsSerialStdio ? new StreamSink(standardOutput) : null),
        });
        var reached = new Reached();
        try
        {
            var report = await runner.RunAsync(reached, deadline.Token).ConfigureAwait(false);
            await errors.WriteLineAsync(Describe(report)).ConfigureAwait(false);
            return report.Difference is not null ? ExitCodes.Difference : report.End?.ExitCode ?? ExitCodes.Success;
        }
        catch (OperationCanceledException)
        {
            await errors.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture, $"vivarium: lockstep ended before the guest did, after {reached.Ns / 1e9:F3} s of guest time; no difference was found until then.")).ConfigureAwait(false);
            return cancellationToken.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Timeout;
        }
        catch (InvalidOperationException exception)
        {
            throw new UsageException(exception.Message);
        }
    }

    private static string Describe(LockstepReport report)
    {
        var summary = string.Create(
            CultureInfo.InvariantCulture,
            $"vivarium: lockstep, {report.Instructions / 1e6:F1} million instructions on each engine, {report.Comparisons:N0} comparisons, {report.AdoptedFlagImages:N0} undefined flags made the same; ");
        return report.Difference is not { } difference
            ? summary + "no difference."
            : summary + string.Join(Environment.NewLine, [
                string.Create(CultureInfo.InvariantCulture, $"they differ at {difference.AtNs:N0} ns of guest time, and did not at {difference.AfterNs:N0} ns, before"),
                .. difference.Instructions.Select(line => "  " + line),
                "The interpreter's value, then the recompiler's:",
                .. difference.Lines.Select(line => "  " + line)]);
    }

    /// <summary>How far it came.</summary>
    private sealed class Reached : IProgress<long>
    {
        public long Ns { get; private set; }

        public void Report(long value) => Ns = value;
    }

    /// <summary>Writes at once.</summary>
    private sealed class StreamSink(Stream stream) : ICharacterSink
    {
        public void Write(ReadOnlySpan<byte> data) => stream.Write(data);
    }
}
