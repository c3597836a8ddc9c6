using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>
/// The engine under test: the recompiler. The tests of whole programs come from Vivarium.X86.Tests, with this file in place of its own.
/// </summary>
internal static class TestEngine
{
    /// <summary>All code is hot from its first translation on.</summary>
    public static ExecutionEngineProvider? Create() => new Recompiler(new RecompilerOptions { HotSamples = 0 });

    /// <summary>Code is not hot before a slice ends at it.</summary>
    public static ExecutionEngineProvider? CreateCold() => new Recompiler(new RecompilerOptions { HotSamples = 1 });
}
