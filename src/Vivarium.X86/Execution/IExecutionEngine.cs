namespace Vivarium.X86;

/// <summary>Executes guest code for one vCPU. The processor looks at events, interrupts and traps between two calls.</summary>
internal interface IExecutionEngine : IDisposable
{
    /// <summary>
    /// Runs from RIP until the budget is used up, an event is posted, an instruction did not complete (see <see cref="CpuCore.Pending"/>), or
    /// one that may change mode or flow ended. Returns the budget that is left. Nothing of the vCPU stays behind in host registers.
    /// </summary>
    long Execute(long budget);

    /// <summary>Drops what was translated from a guest-physical page.</summary>
    void InvalidateCode(ulong pageGpa);

    /// <summary>Drops everything that was translated, as after a restore.</summary>
    void Clear();

    /// <summary>An event was posted: leave <see cref="Execute"/> soon. Any thread.</summary>
    void Interrupt();
}
