namespace Vivarium;

/// <summary>What executes guest code. The guest cannot tell them apart but by their speed.</summary>
public enum ExecutionEngine
{
    /// <summary>The recompiler where the host is x64 and grants executable memory, else the interpreter. The default.</summary>
    Auto,

    /// <summary>Executes decoded guest instructions one by one: any host, no executable memory, the reference.</summary>
    Interpreter,

    /// <summary>Recompiles guest code to code of the x64 host.</summary>
    Recompiler,
}
