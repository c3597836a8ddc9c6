namespace Vivarium.X86;

/// <summary>What a <see cref="Recompiler"/> is built from.</summary>
public sealed record RecompilerOptions
{
    /// <summary>Size of the code cache in bytes. Default 128 MiB; range 1 MiB to 1 GiB. Pages cost memory when they are first used.</summary>
    public int CodeCacheBytes { get; init; } = 128 << 20;

    /// <summary>
    /// How often one of the slices that a vCPU runs in must end before a block until that is translated again with more effort. Default 6; range 0,
    /// all code at once, to 1,000,000.
    /// </summary>
    public int HotSamples { get; init; } = 6;

    /// <summary>
    /// Whether instructions whose results differ from processor to processor are left to the interpreter, so that results do not depend on the host: RCP and
    /// RSQRT and the x87 transcendentals in their last bits, FPREM and FPREM1 in how far they go at once, DPPS and DPPD in which of several NaNs they choose.
    /// Default false; a machine under a deterministic scheduler does so in any case.
    /// </summary>
    public bool InterpretsApproximations { get; init; }

    /// <summary>Whether translated blocks are named in /tmp/perf-PID.map for Linux perf. Default false.</summary>
    public bool PerfMap { get; init; }
}
