using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// Recompiles guest code to code of the x64 host. One serves all processors of a machine and holds their code cache; dispose it after them.
/// Members are for any thread.
/// </summary>
public sealed class Recompiler : ExecutionEngineProvider
{
    private readonly CodeCache _cache;
    private readonly List<RecompilerEngine> _engines = [];

    /// <summary>Takes executable memory for the code cache.</summary>
    /// <exception cref="PlatformNotSupportedException">The host is not x64; see <see cref="IsSupported"/>.</exception>
    /// <exception cref="OutOfMemoryException">The host refused executable memory.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number in <paramref name="options"/> is out of its range.</exception>
    public Recompiler(RecompilerOptions? options = null)
    {
        options ??= new RecompilerOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.CodeCacheBytes, 1 << 20);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.CodeCacheBytes, 1 << 30);
        ArgumentOutOfRangeException.ThrowIfNegative(options.HotSamples);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.HotSamples, 1_000_000);
        if (!IsSupported)
        {
            throw new PlatformNotSupportedException("The recompiler emits code for x64 hosts only: choose the interpreter on this one.");
        }

        WarmUp.Begin();
        _cache = new CodeCache(options.CodeCacheBytes, options.PerfMap ? new PerfMap() : null, options.HotSamples) { InterpretsApproximations = options.InterpretsApproximations };
    }

    /// <summary>Whether this host's processor can run what a recompiler emits. It may still refuse executable memory.</summary>
    public static bool IsSupported => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <inheritdoc/>
    public override string Name => "recompiler";

    /// <inheritdoc/>
    public override void Dispose() => _cache.Dispose();

    /// <summary>What was done so far. Exact while the processors are parked.</summary>
    public RecompilerReport GetReport()
    {
        lock (_cache.Gate)
        {
            var counts = _cache.Count();
            return new RecompilerReport(
                _engines.Sum(engine => engine.Translated),
                _engines.Sum(engine => engine.Blocks),
                _cache.UsedBytes,
                _cache.Generation,
                TimeSpan.FromTicks(_engines.Sum(engine => engine.TranslationTime.Ticks)),
                _engines.Sum(engine => engine.Entries),
                counts.Interpreted,
                counts.SlowPaths);
        }
    }

    internal override IExecutionEngine Create(VcpuMemory memory, CpuCore core, Interpreter interpreter)
    {
        var engine = new RecompilerEngine(_cache, memory, core, interpreter);
        lock (_cache.Gate)
        {
            _engines.Add(engine);
            _cache.Sites.Join(core.Tlb.Sites);
        }

        return engine;
    }
}
