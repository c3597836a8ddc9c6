using Vivarium.X86;

namespace Vivarium.Debugging;

/// <summary>
/// What a debugger asks of a machine: its processors, and to start and stop them all. The machine's own host makes one; a host that drives
/// <see cref="X86Cpu"/> itself may put its own behind this interface. Members are for any thread.
/// </summary>
public interface IDebuggedMachine
{
    /// <summary>The processors by number, the same from first to last.</summary>
    IReadOnlyList<X86Cpu> Processors { get; }

    /// <summary>What it is doing now.</summary>
    DebuggedState State { get; }

    /// <summary>After the end: what a debugger shows as the exit code, 0 to 255.</summary>
    int ExitCode { get; }

    /// <summary>
    /// Whether a processor that triple-faults, its <see cref="IVcpu.Run"/> having returned <see cref="VcpuExitReason.Shutdown"/>, halts the
    /// machine instead of ending it. Set while a debugger is connected.
    /// </summary>
    bool HaltsAtTripleFault { get; set; }

    /// <summary>Raised after <see cref="State"/> changed. A handler must not wait for the machine.</summary>
    event EventHandler? StateChanged;

    /// <summary>
    /// Halts all processors; when it completes no thread is inside <see cref="IVcpu.Run"/>. Nothing to do if they stand or have ended. A
    /// processor whose run returns <see cref="VcpuExitReason.Debug"/> must halt the machine without being asked.
    /// </summary>
    Task HaltAsync();

    /// <summary>Lets the processors run, also for the first time. Nothing to do if they run or have ended.</summary>
    Task ResumeAsync();

    /// <summary>Ends the machine.</summary>
    Task EndAsync();

    /// <summary>Resets the machine; a halted one stays so.</summary>
    Task ResetAsync();
}
