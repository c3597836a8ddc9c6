using BenchmarkDotNet.Attributes;
using Iced.Intel;
using Vivarium.X86;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Benchmarks;

/// <summary>Repeated string instructions as kernels and C libraries use them; one operation is one of them with what sets it up.</summary>
public class StringBenchmarks
{
    private const int Repeats = 20_000;

    /// <summary>Instructions of a round: three that set up, the repeated one, and the jump back.</summary>
    private const int RoundInstructions = 5;

    private readonly Dictionary<string, BareProcessor> _guests = [];
    private Recompiler? _recompiler;

    /// <summary>What executes guest code.</summary>
    [Params("interpreter", "recompiler")]
    public string Engine { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _recompiler = Engine == "recompiler" ? new Recompiler() : null;
        Add(nameof(ClearPage), 0, 512, code => code.rep.stosq());
        Add(nameof(CopyPage), 0x3000, 512, code => code.rep.movsq());
        Add(nameof(CopyPageUnaligned), 0x3123, 4096, code => code.rep.movsb());
        Add(nameof(Copy16), 0x3123, 16, code => code.rep.movsb());
        Add(nameof(Copy200), 0x3123, 200, code => code.rep.movsb());
        Add(nameof(Fill200), 0, 200, code => code.rep.stosb());
        Add(nameof(Compare200), 0x3000, 200, code => code.repe.cmpsb());
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (var guest in _guests.Values)
        {
            guest.Dispose();
        }

        _recompiler?.Dispose();
    }

    [Benchmark(Description = "REP STOSQ of a page", OperationsPerInvoke = Repeats)]
    public long ClearPage() => Run(nameof(ClearPage));

    [Benchmark(Description = "REP MOVSQ of a page", OperationsPerInvoke = Repeats)]
    public long CopyPage() => Run(nameof(CopyPage));

    [Benchmark(Description = "REP MOVSB of 4 KiB across pages", OperationsPerInvoke = Repeats)]
    public long CopyPageUnaligned() => Run(nameof(CopyPageUnaligned));

    [Benchmark(Description = "REP MOVSB of 16 bytes", OperationsPerInvoke = Repeats)]
    public long Copy16() => Run(nameof(Copy16));

    [Benchmark(Description = "REP MOVSB of 200 bytes", OperationsPerInvoke = Repeats)]
    public long Copy200() => Run(nameof(Copy200));

    [Benchmark(Description = "REP STOSB of 200 bytes", OperationsPerInvoke = Repeats)]
    public long Fill200() => Run(nameof(Fill200));

    [Benchmark(Description = "REPE CMPSB of 200 bytes", OperationsPerInvoke = Repeats)]
    public long Compare200() => Run(nameof(Compare200));

    private void Add(string name, int distance, int count, Action<Assembler> repeated) => _guests[name] = new BareProcessor(
        code =>
        {
            var loop = code.CreateLabel();
            code.Label(ref loop);
            code.mov(edi, (int)BareProcessor.DataGpa);
            code.mov(esi, (int)BareProcessor.DataGpa + 0x10000 + distance);
            code.mov(ecx, count);
            repeated(code);
            code.jmp(loop);
        },
        engine: _recompiler);

    private long Run(string name) => _guests[name].Run(Repeats * RoundInstructions);
}
