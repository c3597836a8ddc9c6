namespace Vivarium.X86.Tests;

/// <summary>Runs a program of user code on the host's processor, the interpreter and another engine, and says what differs from the host.</summary>
internal sealed class HostComparison(Func<ExecutionEngineProvider?> engine) : ICaseComparison
{
    private readonly HostMachine _host = new();
    private readonly LabMachine _interpreter = new(static () => null, likeHost: true);
    private readonly LabMachine _engine = new(engine, likeHost: true);
    private readonly CaseTrace _trace = new(likeHost: true);
    private readonly CaseOutcome _outcome = new();
    private ulong? _undefined;

    public long Compared { get; private set; }

    public long Discarded { get; private set; }

    /// <summary>How many of the compared cases each exception ended, by vector.</summary>
    public int[] Ends { get; } = new int[32];

    public string? Difference(LabProgram program, LabState wanted)
    {
        var state = HostMachine.Adapt(wanted);

        if (!IsForHost(program, state))
        {
            Discarded++;
            return null;
        }

        if (_host.Run(program, state) is { } end)
        {
            return $"on the host {end}";
        }

        if (HostDifferences.IsKnown(program, _outcome, _host.Outcome))
        {
            Discarded++;
            return null;
        }

        Compared++;
        Ends[_host.Outcome.Vector & 31]++;
        return Named("interpreter", DifferenceOf(program, _interpreter))
            ?? Named("engine", Run(program, state))
            ?? Named("engine, the second time", Run(program, state));
    }

    /// <summary>Whether the host is asked. The interpreter goes first: what it does not end may be endless on the host too.</summary>
    private bool IsForHost(LabProgram program, LabState state) =>
        IsForHosts(program, state, HostFeatures.IsIntel) && !HostDifferences.MayNotEnd(program, _outcome) && IsDefined(program, state);

    /// <summary>Whether the hosts of a maker are asked, if nothing in the case is open there.</summary>
    public bool IsForHosts(LabProgram program, LabState state, bool isIntel) => program.FirstUndefinedRead < 0 && !program.LeadsAstray
        && HostDifferences.IsAllowed(program, isIntel) && !HostDifferences.IsOpen(program) && IsEnded(program, state) && IsInKnownPlace(program, _outcome.Rip);

    public void Dispose()
    {
        _trace.Dispose();
        _engine.Dispose();
        _interpreter.Dispose();
        _host.Dispose();
    }

    private static string? Named(string name, string? difference) => difference is null ? null : $"{name}: {difference}";

    private bool IsEnded(LabProgram program, LabState state)
    {
        _interpreter.Run(program, state);
        return _interpreter.Exit.Reason == VcpuExitReason.Halted && program.IsIntact(_interpreter) && _outcome.TryRead(_interpreter);
    }

    /// <summary>Whether it does nothing that processors do differently. What it leaves undefined is known then.</summary>
    private bool IsDefined(LabProgram program, LabState state)
    {
        _undefined = null;
        if (program.IsToBeTraced)
        {
            if (!_trace.TryTrace(program, state, out var undefined))
            {
                return false;
            }

            _undefined = undefined;
        }

        return true;
    }

    /// <summary>Not among code that a stray branch made of the middle of instructions.</summary>
    private static bool IsInKnownPlace(LabProgram program, ulong rip) => rip - LabLayout.Code >= LabLayout.CodePages << 12 || program.Contains(rip);

    private string? Run(LabProgram program, LabState state)
    {
        _engine.Run(program, state);
        return _outcome.TryRead(_engine) ? DifferenceOf(program, _engine) : $"ended with {_engine.Exit}";
    }

    private string? DifferenceOf(LabProgram program, LabMachine machine)
    {
        _outcome.FaultAddress = HostDifferences.FaultAddress(program, _host.Outcome, _outcome);
        if (_host.Outcome.Difference(_outcome, (_undefined ?? program.UndefinedAt(_host.Outcome.Rip)) | HostDifferences.OpenFlags(program, _host.Outcome)) is { } difference)
        {
            return difference;
        }

        for (var i = 0; i < LabLayout.FrameCount; i++)
        {
            var host = _host.Frames.Slice(i << 12, 0x1000);
            var mine = machine.Frame(i);
            if (!host.SequenceEqual(mine))
            {
                var at = host.CommonPrefixLength(mine);
                return $"memory differs at {LabComparison.Place((i << 12) + at, program.Mode)}: {mine[at]:X2}, host {host[at]:X2}";
            }
        }

        return null;
    }
}
