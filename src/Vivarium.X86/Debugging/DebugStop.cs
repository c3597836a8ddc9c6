namespace Vivarium.X86;

/// <summary>Why a processor stopped for its debugger.</summary>
/// <param name="Kind">The reason.</param>
/// <param name="Watch">What was accessed if it is <see cref="DebugStopKind.Watch"/>.</param>
internal readonly record struct DebugStop(DebugStopKind Kind, DataWatch Watch = default);

/// <summary>Reasons for a debugger's stop.</summary>
internal enum DebugStopKind
{
    /// <summary>It did not stop by itself.</summary>
    None,

    /// <summary>It stands at a stop address.</summary>
    Breakpoint,

    /// <summary>The last instruction accessed what is watched.</summary>
    Watch,

    /// <summary>A step ended.</summary>
    Step,
}
