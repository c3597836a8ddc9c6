using Vivarium.X86;

namespace Vivarium.Debugging;

/// <summary>
/// The processors under one client: breakpoints and watches on all of them, which of them run and how, and who of those that stopped is
/// reported. For while the machine is halted.
/// </summary>
internal sealed class RunControl : IDisposable
{
    private readonly CpuDebugger[] _cpus;
    private readonly HashSet<ulong> _software = [];
    private readonly HashSet<ulong> _hardware = [];
    private readonly HashSet<DataWatch> _watches = [];

    /// <summary>Instructions that each processor had completed when it was reported at a breakpoint which the client does not know again.</summary>
    private readonly ulong?[] _hiddenSince;

    /// <summary>A shutdown was reported: told once, the machine goes on to its end, unless it is reset.</summary>
    private bool _hasReportedShutdown;

    public RunControl(IDebuggedMachine machine)
    {
        Machine = machine;
        _cpus = [.. machine.Processors.Select(cpu => cpu.AttachDebugger())];
        _hiddenSince = new ulong?[_cpus.Length];
        Last = new StopReport(StopReport.Trap, 0);
    }

    /// <summary>Breakpoints and watches of each kind that a client may have.</summary>
    public const int MaxPoints = 1024;

    public IDebuggedMachine Machine { get; }

    public IReadOnlyList<CpuDebugger> Processors => _cpus;

    /// <summary>What the client was told last.</summary>
    public StopReport Last { get; private set; }

    /// <summary>Whether the client wants to be told which kind of breakpoint it was.</summary>
    public bool NamesBreakpoints { get; set; }

    /// <summary>Adds a breakpoint; it may be there already. False: there are too many.</summary>
    public bool TryAddBreakpoint(bool isHardware, ulong linear)
    {
        var set = isHardware ? _hardware : _software;
        if (set.Count >= MaxPoints && !set.Contains(linear))
        {
            return false;
        }

        set.Add(linear);
        foreach (var cpu in _cpus)
        {
            cpu.AddBreakpoint(linear);
        }

        return true;
    }

    public void RemoveBreakpoint(bool isHardware, ulong linear)
    {
        (isHardware ? _hardware : _software).Remove(linear);
        if (_hardware.Contains(linear) || _software.Contains(linear))
        {
            return;
        }

        foreach (var cpu in _cpus)
        {
            cpu.RemoveBreakpoint(linear);
        }
    }

    /// <summary>Adds a watch; it may be there already. False: there are too many.</summary>
    public bool TryAddWatch(DataWatch watch)
    {
        if (_watches.Count >= MaxPoints && !_watches.Contains(watch))
        {
            return false;
        }

        if (_watches.Add(watch))
        {
            foreach (var cpu in _cpus)
            {
                cpu.AddWatch(watch);
            }
        }

        return true;
    }

    public void RemoveWatch(DataWatch watch)
    {
        if (_watches.Remove(watch))
        {
            foreach (var cpu in _cpus)
            {
                cpu.RemoveWatch(watch);
            }
        }
    }

    /// <summary>
    /// Prepares all processors to go on. False: one of those that would run has a stop that was not reported yet, which is the report now.
    /// </summary>
    /// <param name="plans">A plan for each processor.</param>
    public bool TryPrepare(ReadOnlySpan<RunPlan> plans)
    {
        for (var i = 0; i < _cpus.Length; i++)
        {
            if (plans[i].Kind != RunKind.Hold && _cpus[i].Stop is { Kind: DebugStopKind.Watch } stop)
            {
                _cpus[i].ForgetStop();
                if (_watches.Contains(stop.Watch))
                {
                    Last = new StopReport(StopReport.Trap, i, StopReport.DetailOf(stop.Watch));
                    return false;
                }
            }
        }

        _hasReportedShutdown &= Array.Exists(_cpus, cpu => cpu.IsShutDown);
        Machine.HaltsAtTripleFault = !_hasReportedShutdown;
        for (var i = 0; i < _cpus.Length; i++)
        {
            switch (plans[i].Kind)
            {
                case RunKind.Hold: _cpus[i].Hold(); break;
                case RunKind.Continue: _cpus[i].Continue(passesBreakpoint: _hiddenSince[i] == Machine.Processors[i].InstructionCount); break;
                default: _cpus[i].Step(plans[i].Start, plans[i].End); break;
            }
        }

        return true;
    }

    /// <summary>
    /// Decides what the client is told of a halt. Of several processors that stopped by themselves one is told, in turn: who stands at a
    /// breakpoint meets it again, and who accessed what is watched is told of when it is to go on.
    /// </summary>
    public StopReport Report()
    {
        // Who was held has stopped before, if at all.
        for (var i = 1; i <= 2 * _cpus.Length; i++)
        {
            var index = (Last.Processor + i) % _cpus.Length;
            if (_cpus[index].IsHeld == i > _cpus.Length && DescribeStop(index) is { } report)
            {
                ForgetStops(index);
                return Last = report;
            }
        }

        return Last = Last with { Signal = StopReport.Interrupted, Detail = "" };
    }

    /// <summary>Takes back all that the client has set, as if it had never been there.</summary>
    public void Dispose()
    {
        Machine.HaltsAtTripleFault = false;
        foreach (var cpu in Machine.Processors)
        {
            cpu.DetachDebugger();
        }
    }

    private StopReport? DescribeStop(int index)
    {
        var cpu = _cpus[index];
        if (cpu.IsShutDown && !cpu.IsHeld)
        {
            _hasReportedShutdown = true;
            return new StopReport(StopReport.SegmentationViolation, index);
        }

        return cpu.Stop.Kind switch
        {
            DebugStopKind.Breakpoint when cpu.CodeAddress != cpu.InstructionPointer => DescribeHidden(index),
            DebugStopKind.Breakpoint => new StopReport(StopReport.Trap, index, DetailOfBreakpoint(cpu.CodeAddress)),
            DebugStopKind.Watch => new StopReport(StopReport.Trap, index, StopReport.DetailOf(cpu.Stop.Watch)),
            DebugStopKind.Step => new StopReport(StopReport.Trap, index),
            _ => null,
        };
    }

    /// <summary>
    /// In a code segment that does not begin at 0 a client does not find the breakpoint at RIP: it would go on if it were told of one, and does not
    /// step past it.
    /// </summary>
    private StopReport DescribeHidden(int index)
    {
        _hiddenSince[index] = Machine.Processors[index].InstructionCount;
        return new StopReport(StopReport.Trap, index);
    }

    private string DetailOfBreakpoint(ulong linear) => !NamesBreakpoints ? "" : _hardware.Contains(linear) ? "hwbreak:;" : "swbreak:;";

    private void ForgetStops(int reported)
    {
        for (var i = 0; i < _cpus.Length; i++)
        {
            if (i == reported || _cpus[i].Stop.Kind != DebugStopKind.Watch)
            {
                _cpus[i].ForgetStop();
            }
        }
    }
}
