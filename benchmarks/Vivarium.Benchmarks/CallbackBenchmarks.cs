using BenchmarkDotNet.Attributes;
using Iced.Intel;
using Vivarium.X86;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Benchmarks;

/// <summary>The way from emitted code to the interpreter and back, for RDTSC; one operation is one of them, with three instructions around it.</summary>
public class CallbackBenchmarks
{
    private const int Repeats = 100_000;
    private const int RoundInstructions = 4;
    private const int SetupInstructions = 5;
    private const ulong AvxInUse = 0x40620;

    private readonly Dictionary<string, BareProcessor> _guests = [];
    private Recompiler? _recompiler;

    [GlobalSetup]
    public void Setup()
    {
        _recompiler = new Recompiler();
        Add(nameof(General), code => { }, code => code.nop());
        Add(nameof(Sse), code => code.pxor(xmm1, xmm1), code => code.paddq(xmm0, xmm1));
        Add(nameof(Avx), code => code.vpcmpeqd(ymm1, ymm1, ymm1), code => code.vpaddq(ymm0, ymm0, ymm1));
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

    [Benchmark(Description = "general registers only", OperationsPerInvoke = Repeats)]
    public long General() => Run(nameof(General));

    [Benchmark(Description = "vector registers, upper halves zero", OperationsPerInvoke = Repeats)]
    public long Sse() => Run(nameof(Sse));

    [Benchmark(Description = "vector registers, upper halves in use", OperationsPerInvoke = Repeats)]
    public long Avx() => Run(nameof(Avx));

    private void Add(string name, Action<Assembler> setup, Action<Assembler> body)
    {
        var guest = new BareProcessor(
            code =>
            {
                var loop = code.CreateLabel();
                code.xor(ecx, ecx);
                code.xor(edx, edx);
                code.mov(eax, 7);
                code.xsetbv();
                setup(code);
                code.Label(ref loop);
                body(code);
                code.rdtsc();
                code.inc(ebx);
                code.jmp(loop);
            },
            engine: _recompiler);
        guest.Cpu[X86Register.Cr4] = AvxInUse;
        _guests[name] = guest;
        guest.Run(SetupInstructions);
    }

    private long Run(string name) => _guests[name].Run(Repeats * RoundInstructions);
}
