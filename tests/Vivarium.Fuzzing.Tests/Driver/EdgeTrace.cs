using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vivarium.Fuzzing.Tests;

/// <summary>
/// Counts of the edges that instrumented assemblies pass, one set for the process, as SharpFuzz instruments them. Stays zero while no
/// assembly is instrumented.
/// </summary>
internal static unsafe class EdgeTrace
{
    public const int SizeBytes = 1 << 16;

    public static Span<byte> Counts => new(SharpFuzz.Common.Trace.SharedMem, SizeBytes);

    public static void Clear()
    {
        SharpFuzz.Common.Trace.PrevLocation = 0;
        Counts.Clear();
    }

    /// <summary>Instrumented code writes there from its first instruction on.</summary>
    [ModuleInitializer]
    internal static void Begin() => SharpFuzz.Common.Trace.SharedMem = (byte*)NativeMemory.AllocZeroed(SizeBytes);
}
