using BenchmarkDotNet.Attributes;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Benchmarks;

/// <summary>One operation is one block of eight instructions: "Op/s" is blocks a second.</summary>
public class DecodeBenchmarks
{
    private const int Blocks = 1024;
    private const int BlockInstructions = 8;
    private const ulong NeverReached = 0xDEAD_0000;

    private BareProcessor? _processor;

    [GlobalSetup]
    public void Setup() => _processor = new BareProcessor(EmitBlocks);

    [GlobalCleanup]
    public void Cleanup() => _processor!.Dispose();

    [Benchmark(Description = "decode a block and run it once", OperationsPerInvoke = Blocks)]
    public long Decode()
    {
        // Changing the stop addresses empties the cache of decoded blocks.
        _processor!.Cpu.AddStopAddress(NeverReached);
        _processor.Cpu.RemoveStopAddress(NeverReached);
        return _processor.Run(Blocks * BlockInstructions);
    }

    [Benchmark(Baseline = true, Description = "run a decoded block", OperationsPerInvoke = Blocks)]
    public long Run() => _processor!.Run(Blocks * BlockInstructions);

    private static void EmitBlocks(Assembler code)
    {
        var start = code.CreateLabel();
        code.Label(ref start);
        for (var block = 0; block < Blocks; block++)
        {
            code.mov(eax, block);
            code.add(rbx, rax);
            code.mov(rdx, __qword_ptr[BareProcessor.DataGpa]);
            code.lea(rsi, __[rdx + rbx * 4 + 8]);
            code.test(esi, esi);
            code.movzx(edi, al);
            code.mov(__dword_ptr[BareProcessor.DataGpa + 8], edi);
            if (block == Blocks - 1)
            {
                code.jmp(start);
            }
            else
            {
                var next = code.CreateLabel();
                code.jmp(next);
                code.Label(ref next);
            }
        }
    }
}
