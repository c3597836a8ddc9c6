namespace Vivarium;

/// <summary>What a machine is doing.</summary>
public enum MachineState
{
    /// <summary>Built, not started yet.</summary>
    Created,

    /// <summary>Its processors run.</summary>
    Running,

    /// <summary>Its processors and its clock stand still.</summary>
    Paused,

    /// <summary>It ended; see <see cref="VirtualMachine.WaitForShutdownAsync"/>.</summary>
    Stopped,
}
