namespace Vivarium.X86.Tests;

/// <summary>An interpreter that forgets the carry when a program leaves RBX negative.</summary>
internal sealed unsafe class WrongProvider : ExecutionEngineProvider
{
    public override string Name => "wrong";

    public override void Dispose()
    {
    }

    internal override IExecutionEngine Create(VcpuMemory memory, CpuCore core, Interpreter interpreter) => new WrongEngine(memory, interpreter);

    private sealed unsafe class WrongEngine(VcpuMemory memory, Interpreter interpreter) : IExecutionEngine
    {
        public long Execute(long budget)
        {
            var left = interpreter.Execute(budget);
            if ((long)memory.State->Gpr[3] < 0)
            {
                LazyFlags.SetCarry(memory.State, false);
            }

            return left;
        }

        public void InvalidateCode(ulong pageGpa) => interpreter.InvalidateCode(pageGpa);

        public void Clear() => interpreter.Clear();

        public ulong? FindStaleCode() => interpreter.FindStaleCode();

        public void HoldOffset(ulong address) => interpreter.HoldOffset(address);

        public void ReleaseOffset(ulong address) => interpreter.ReleaseOffset(address);

        public void Interrupt() => interpreter.Interrupt();

        public void Dispose()
        {
            // The processor owns the interpreter.
        }
    }
}
