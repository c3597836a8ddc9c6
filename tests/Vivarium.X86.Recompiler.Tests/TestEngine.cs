using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>
/// The engine under test: the recompiler. The tests of whole programs come from Vivarium.X86.Tests, with this file in place of its own.
/// </summary>
internal static class TestEngine
{
    public static ExecutionEngineProvider? Create() => new Recompiler();
}
