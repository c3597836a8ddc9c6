namespace Vivarium.Debugging;

/// <summary>What a debugger needs to know of a machine's state.</summary>
public enum DebuggedState
{
    /// <summary>No processor runs: not started yet, or paused.</summary>
    Halted,

    /// <summary>The processors run.</summary>
    Running,

    /// <summary>It has ended and will not run again.</summary>
    Ended,
}
