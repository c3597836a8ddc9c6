using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>
/// The engine under test: the interpreter. Tests of whole programs are compiled into Vivarium.X86.Recompiler.Tests as well, with another file in place of this one.
/// </summary>
internal static class TestEngine
{
    public static ExecutionEngineProvider? Create() => null;
}
