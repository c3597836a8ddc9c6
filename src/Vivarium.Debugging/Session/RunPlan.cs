namespace Vivarium.Debugging;

/// <summary>What one processor does when the guest goes on.</summary>
/// <param name="Kind">Whether and how it runs.</param>
/// <param name="Start">First address of the range that is stepped through.</param>
/// <param name="End">First address behind it.</param>
internal readonly record struct RunPlan(RunKind Kind, ulong Start = 0, ulong End = 0);

/// <summary>Kinds of <see cref="RunPlan"/>.</summary>
internal enum RunKind
{
    /// <summary>It stands.</summary>
    Hold,

    Continue,

    /// <summary>One instruction, or those within a range.</summary>
    Step,
}
