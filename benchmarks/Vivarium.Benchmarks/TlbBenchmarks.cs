using BenchmarkDotNet.Attributes;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Benchmarks;

/// <summary>One operation is one guest load, with the loop around it of three more instructions.</summary>
public class TlbBenchmarks
{
    private const int Loads = 1_000_000;
    private const int LoopInstructions = 4;

    private BareProcessor? _hit;
    private BareProcessor? _miss;

    [GlobalSetup]
    public void Setup()
    {
        _hit = new BareProcessor(code => EmitLoads(code, 8, 4096));

        // 4,096 pages: four times the TLB, in order, so that each load misses and walks four levels.
        _miss = new BareProcessor(code => EmitLoads(code, 4096, 16 << 20));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _hit!.Dispose();
        _miss!.Dispose();
    }

    [Benchmark(Baseline = true, Description = "load, TLB hit", OperationsPerInvoke = Loads)]
    public long Hit() => _hit!.Run(Loads * LoopInstructions);

    [Benchmark(Description = "load, TLB miss and walk", OperationsPerInvoke = Loads)]
    public long Miss() => _miss!.Run(Loads * LoopInstructions);

    private static void EmitLoads(Assembler code, int strideBytes, int spanBytes)
    {
        var loop = code.CreateLabel();
        code.xor(ebx, ebx);
        code.Label(ref loop);
        code.mov(rax, __qword_ptr[rbx + (int)BareProcessor.DataGpa]);
        code.add(ebx, strideBytes);
        code.and(ebx, spanBytes - 1);
        code.jmp(loop);
    }
}
