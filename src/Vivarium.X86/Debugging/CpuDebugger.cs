namespace Vivarium.X86;

/// <summary>
/// A debugger's hold on one processor. Guest state has no part in it: debug registers, flags and memory are the guest's own. Members are for
/// while the processor is parked; what the processor itself asks comes from the thread that runs it.
/// </summary>
internal sealed unsafe class CpuDebugger(X86Cpu cpu, CpuCore core)
{
    private readonly HashSet<ulong> _breakpoints = [];
    private readonly DataWatches _watches = new();
    private ulong _rangeStart;
    private ulong _rangeEnd;

    /// <summary>The processor's registers and memory.</summary>
    public CpuCore Core => core;

    /// <summary>Guest memory, without effects on the guest.</summary>
    public MemoryProbe Probe { get; } = new(core);

    /// <summary>Whether interrupts and NMIs wait while it steps, but for those that end a halt. Default true.</summary>
    public bool MasksInterrupts { get; set; } = true;

    /// <summary>Whether it does not run, whatever its scheduler does.</summary>
    public bool IsHeld { get; private set; }

    /// <summary>Whether it stops after an instruction.</summary>
    public bool IsStepping { get; private set; }

    /// <summary>Why it stopped.</summary>
    public DebugStop Stop { get; private set; }

    /// <summary>The next instruction's offset in its code segment: RIP.</summary>
    public ulong InstructionPointer => core.State->Rip;

    /// <summary>Linear address of the next instruction.</summary>
    public ulong CodeAddress => core.CodeAddress(core.State->Rip);

    /// <summary>Whether it is in shutdown after a triple fault.</summary>
    public bool IsShutDown => core.State->Activity == ActivityState.Shutdown;

    /// <summary>What it is doing, for people.</summary>
    public string Activity => core.State->Activity switch
    {
        ActivityState.Active => "active",
        ActivityState.Halted => "halted",
        ActivityState.WaitForStartup => "waits for startup",
        _ => "shut down",
    };

    /// <summary>From the next run on it does not execute.</summary>
    public void Hold() => Set(isHeld: true, isStepping: false, 0, 0);

    /// <summary>From the next run on it runs until a breakpoint, at once if it stands at one, unless it is to pass that.</summary>
    public void Continue(bool passesBreakpoint = false)
    {
        Set(isHeld: false, isStepping: false, 0, 0);
        cpu.ResumesAtStop = passesBreakpoint;
    }

    /// <summary>The next run executes one instruction, or those up to the first outside a range. A breakpoint where it stands is passed.</summary>
    public void Step(ulong rangeStart = 0, ulong rangeEnd = 0) => Set(isHeld: false, isStepping: true, rangeStart, rangeEnd);

    /// <summary>Stops before it executes at a linear address.</summary>
    public void AddBreakpoint(ulong linear)
    {
        if (_breakpoints.Add(linear))
        {
            cpu.AddStop(linear);
        }
    }

    public void RemoveBreakpoint(ulong linear)
    {
        if (_breakpoints.Remove(linear))
        {
            cpu.RemoveStop(linear);
        }
    }

    /// <summary>Stops behind an instruction that accesses the range.</summary>
    public void AddWatch(DataWatch watch)
    {
        _watches.Add(watch);
        core.Watches = _watches;
        core.FlushTlb();
    }

    public void RemoveWatch(DataWatch watch)
    {
        if (_watches.Remove(watch))
        {
            core.Watches = _watches.Count == 0 ? null : _watches;
            core.FlushTlb();
        }
    }

    /// <summary>Goes on elsewhere.</summary>
    public void JumpTo(ulong rip)
    {
        core.State->Rip = rip;
        core.State->InterruptShadow = InterruptShadow.None;
    }

    /// <summary>Forgets breakpoints, watches and steps: it runs as if there were no debugger.</summary>
    public void Clear()
    {
        foreach (var linear in _breakpoints.ToArray())
        {
            RemoveBreakpoint(linear);
        }

        foreach (var watch in _watches.ToArray())
        {
            RemoveWatch(watch);
        }

        ForgetStop();
        Continue();
    }

    /// <summary>Forgets why it stopped.</summary>
    public void ForgetStop()
    {
        Stop = default;
        _watches.Forget();
    }

    /// <summary>Called by the processor: it stands at a stop address.</summary>
    public void NoteBreakpoint() => Stop = new DebugStop(DebugStopKind.Breakpoint);

    /// <summary>Called by the processor after some instructions, a step's single one for sure. Whether it leaves its run.</summary>
    /// <param name="isInMiddle">Whether a repeated instruction has paused, to go on.</param>
    public bool StopsHere(bool isInMiddle)
    {
        if (_watches.Hit is { } watch)
        {
            Stop = new DebugStop(DebugStopKind.Watch, watch);
            return true;
        }

        if (!IsStepping || isInMiddle || IsInRange(core.State->Rip))
        {
            return false;
        }

        Stop = new DebugStop(DebugStopKind.Step);
        return true;
    }

    private bool IsInRange(ulong rip) => rip >= _rangeStart && rip < _rangeEnd;

    private void Set(bool isHeld, bool isStepping, ulong rangeStart, ulong rangeEnd)
    {
        IsHeld = isHeld;
        IsStepping = isStepping;
        _rangeStart = rangeStart;
        _rangeEnd = rangeEnd;
        cpu.ResumesAtStop = isStepping;
    }
}
