namespace Vivarium.X86;

/// <content>Stop addresses, and a debugger's hold on the processor.</content>
public sealed unsafe partial class X86Cpu
{
    private CpuDebugger? _debugger;

    /// <summary>Whether the next instruction is executed though it is at a stop address.</summary>
    internal bool ResumesAtStop { get; set; }

    /// <summary>
    /// Whether the stop for which <see cref="Run"/> returned <see cref="VcpuExitReason.Debug"/> last was dealt with by the debugger, which may have
    /// gone since: nothing needs to be halted for it any more. Any thread.
    /// </summary>
    public bool IsDebugStopOver => _debugger is null or { Stop.Kind: DebugStopKind.None } or { IsHeld: true };

    /// <summary>Attaches a debugger, which is to be detached, or returns the one that is.</summary>
    internal CpuDebugger AttachDebugger() => _debugger ??= new CpuDebugger(this, _core);

    /// <summary>Forgets the debugger with all that it has set.</summary>
    internal void DetachDebugger()
    {
        _debugger?.Clear();
        _debugger = null;
        ReleaseStops();
    }

    /// <summary>Adds a stop address. What was decoded across its offset goes, and what was found by its address.</summary>
    internal void AddStop(ulong linear)
    {
        _interpreter.Finder.NewContext();
        _core.Post(CpuEvents.Look);
        if (_interpreter.Finder.StopAddresses.Add(linear))
        {
            _interpreter.HoldOffset(linear);
            if (_engine != _interpreter)
            {
                _engine.HoldOffset(linear);
            }
        }
    }

    internal void RemoveStop(ulong linear) => _interpreter.Finder.StopAddresses.Remove(linear);

    /// <summary>Once no stop address is left, engines need not mind their offsets any more.</summary>
    private void ReleaseStops()
    {
        foreach (var offset in _interpreter.Finder.StopAddresses.ReleaseOffsets())
        {
            if (_engine != _interpreter)
            {
                _engine.ReleaseOffset(offset);
            }
        }
    }
}
