namespace Vivarium.X86;

/// <summary>What a <see cref="Recompiler"/> is built from.</summary>
public sealed record RecompilerOptions
{
    /// <summary>Size of the code cache in bytes. Default 64 MiB; range 1 MiB to 1 GiB. Pages cost memory when they are first used.</summary>
    public int CodeCacheBytes { get; init; } = 64 << 20;

    /// <summary>
    /// How often one of the slices that a vCPU runs in must end before a block until that is translated again with more effort. Default 6; range 0,
    /// all code at once, to 1,000,000.
    /// </summary>
    public int HotSamples { get; init; } = 6;

    /// <summary>
    /// Whether RCP and RSQRT, whose last bits differ from processor to processor, and DPPS and DPPD, which choose among several NaNs differently, are left
    /// to the interpreter, as the x87 transcendentals always are, so that results do not depend on the host. Default false; a machine under a deterministic scheduler does so in any case.
    /// </summary>
    public bool InterpretsApproximations { get; init; }

    /// <summary>Whether translated blocks are named in /tmp/perf-PID.map for Linux perf. Default false.</summary>
    public bool PerfMap { get; init; }
}
