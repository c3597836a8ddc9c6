using Vivarium.X86;

namespace Vivarium.Measurements;

/// <summary>What every topic may be asked for.</summary>
/// <param name="MarkdownFile">Takes the tables as Markdown too; null if none does.</param>
/// <param name="Engine">What executes guest code; null leaves it to the topic.</param>
internal sealed record MeasurementOptions(string? MarkdownFile, ExecutionEngine? Engine)
{
    /// <summary>The engine of a topic that measures one.</summary>
    public ExecutionEngine OneEngine => Engine ?? ExecutionEngine.Auto;

    /// <summary>The engines of a topic that compares them.</summary>
    public IReadOnlyList<ExecutionEngine> Engines => Engine is { } engine ? [engine]
        : Recompiler.IsSupported ? [ExecutionEngine.Interpreter, ExecutionEngine.Recompiler]
        : [ExecutionEngine.Interpreter];

    /// <summary>A builder of machines on <see cref="OneEngine"/>.</summary>
    public VirtualMachineBuilder CreateBuilder() => new VirtualMachineBuilder().WithEngine(OneEngine);
}
