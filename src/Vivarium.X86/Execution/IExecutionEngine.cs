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

    /// <summary>
    /// From now on no block goes on over an instruction at this address's offset in any page, and a block that begins there is
    /// entered by its address alone (see <see cref="StopOffsets"/>). Until as many calls of <see cref="ReleaseOffset"/>.
    /// </summary>
    void HoldOffset(ulong address);

    /// <summary>Takes back one <see cref="HoldOffset"/>.</summary>
    void ReleaseOffset(ulong address);

    /// <summary>
    /// For a check in debug builds: looks at some of the code that is kept, others each time. Where the guest's memory is not what the code was
    /// made from any more, or null.
    /// </summary>
    ulong? FindStaleCode();

    /// <summary>An event was posted: leave <see cref="Execute"/> soon. Any thread.</summary>
    void Interrupt();
}
