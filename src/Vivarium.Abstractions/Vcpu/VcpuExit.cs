namespace Vivarium;

/// <summary>Why <see cref="IVcpu.Run"/> returned.</summary>
public enum VcpuExitReason
{
    /// <summary>The instruction budget is used up.</summary>
    Budget,

    /// <summary><see cref="IVcpu.RequestStop"/> was called.</summary>
    Stopped,

    /// <summary>The vCPU executed HLT, or waits for a startup IPI: run it again once <see cref="IVcpu.HasWork"/>.</summary>
    Halted,

    /// <summary>The guest spins (PAUSE in a loop, or a PV halt): another vCPU should get the worker.</summary>
    Spinning,

    /// <summary>Triple fault: the processor is in shutdown until a reset.</summary>
    Shutdown,

    /// <summary>A debugger's stop: a breakpoint or stop address was reached.</summary>
    Debug,
}

/// <summary>The result of <see cref="IVcpu.Run"/>.</summary>
/// <param name="Reason">Why it returned.</param>
/// <param name="Instructions">Instructions completed in this call. A faulted one counts 0, a REP string 1 at its completion.</param>
public readonly record struct VcpuExit(VcpuExitReason Reason, long Instructions);
