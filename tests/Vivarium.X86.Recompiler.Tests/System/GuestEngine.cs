using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>The engine that guest programs run on here: the recompiler, where the host has one.</summary>
internal static class GuestEngine
{
    public static ExecutionEngineProvider? Create(GuestMemory memory) => Recompiler.IsSupported ? new Recompiler() : null;
}
