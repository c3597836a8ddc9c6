using BenchmarkDotNet.Attributes;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Benchmarks;

/// <summary>One operation is one guest instruction: "Op/s" divided by a million is MIPS.</summary>
public class DispatchBenchmarks
{
    private const int Instructions = 10_000_000;

    private BareProcessor? _integer;
    private BareProcessor? _calls;

    [GlobalSetup]
    public void Setup()
    {
        _integer = new BareProcessor(EmitIntegerLoop);
        _calls = new BareProcessor(EmitCalls);
        _calls.Cpu[Vivarium.X86.X86Register.Rsp] = BareProcessor.DataGpa;
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _integer!.Dispose();
        _calls!.Dispose();
    }

    [Benchmark(Description = "hot integer loop", OperationsPerInvoke = Instructions)]
    public long IntegerLoop() => _integer!.Run(Instructions);

    [Benchmark(Description = "calls and returns", OperationsPerInvoke = Instructions)]
    public long Calls() => _calls!.Run(Instructions);

    private static void EmitIntegerLoop(Assembler code)
    {
        var loop = code.CreateLabel();
        code.mov(ecx, int.MaxValue);
        code.Label(ref loop);
        code.add(rax, rcx);
        code.xor(rdx, rax);
        code.lea(rbx, __[rdx + rax * 2 + 1]);
        code.shr(rbx, 3);
        code.add(rax, rbx);
        code.and(edx, 0xFFFF);
        code.dec(ecx);
        code.jnz(loop);
        code.jmp(loop);
    }

    private static void EmitCalls(Assembler code)
    {
        var loop = code.CreateLabel();
        var function = code.CreateLabel();
        code.Label(ref loop);
        code.call(function);
        code.inc(eax);
        code.jmp(loop);
        code.Label(ref function);
        code.push(rbx);
        code.mov(rbx, rax);
        code.pop(rbx);
        code.ret();
    }
}
