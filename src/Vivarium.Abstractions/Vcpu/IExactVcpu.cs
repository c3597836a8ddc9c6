namespace Vivarium;

/// <summary>A vCPU that can be held to the instruction: what deterministic scheduling needs.</summary>
public interface IExactVcpu : IVcpu
{
    /// <summary>
    /// Whether <see cref="IVcpu.Run"/> executes exactly its budget unless it returns for another reason, and <see cref="InstructionCount"/> is
    /// right inside every call that the vCPU makes.
    /// </summary>
    bool HasExactBudget { get; }

    /// <summary>Instructions completed since reset. For the thread inside <see cref="IVcpu.Run"/>, or any while the vCPU is parked.</summary>
    ulong InstructionCount { get; }
}
