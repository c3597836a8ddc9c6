namespace Vivarium;

/// <summary>Why a machine ended.</summary>
/// <param name="Kind">The kind of end.</param>
/// <param name="ExitCode">With <see cref="ShutdownKind.DebugExit"/>, the code the guest asked for, <c>(value &lt;&lt; 1) | 1</c>; otherwise 0.</param>
public sealed record ShutdownReason(ShutdownKind Kind, int ExitCode = 0);

/// <summary>Kinds of end.</summary>
public enum ShutdownKind
{
    /// <summary>The guest switched itself off (ACPI soft-off).</summary>
    GuestPowerOff,

    /// <summary>The guest wrote to the debug-exit port.</summary>
    DebugExit,

    /// <summary>A processor met a fault while delivering a double fault.</summary>
    TripleFault,

    /// <summary>The host stopped it with <see cref="VirtualMachine.StopAsync"/>.</summary>
    Stopped,

    /// <summary>The host disposed of it while it ran.</summary>
    Disposed,
}
