namespace Vivarium.X86;

/// <summary>
/// Builds the execution engine of each processor of one machine, which may share what it translates. Without a provider a processor
/// interprets. Dispose it after its processors.
/// </summary>
public abstract class ExecutionEngineProvider : IDisposable
{
    internal ExecutionEngineProvider()
    {
    }

    /// <summary>The engine's name, as logs and tools print it.</summary>
    public abstract string Name { get; }

    /// <summary>Frees what the processors shared. They must have been disposed.</summary>
    public abstract void Dispose();

    /// <summary>Builds the engine of one processor. It may use <paramref name="interpreter"/>, which has the same lifetime.</summary>
    internal abstract IExecutionEngine Create(VcpuMemory memory, CpuCore core, Interpreter interpreter);
}
