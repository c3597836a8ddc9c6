namespace Vivarium.X86.Tests;

/// <summary>Builds the engines of another provider, or the interpreter, and shows the processor's whole state to the tests.</summary>
internal sealed unsafe class EngineProbe(ExecutionEngineProvider? inner) : ExecutionEngineProvider
{
    public CpuState* State { get; private set; }

    public override string Name => inner?.Name ?? "interpreter";

    public override void Dispose() => inner?.Dispose();

    internal override IExecutionEngine Create(VcpuMemory memory, CpuCore core, Interpreter interpreter)
    {
        State = memory.State;
        return inner?.Create(memory, core, interpreter) ?? interpreter;
    }
}
