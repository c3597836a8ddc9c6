namespace Vivarium;

/// <summary>What a <see cref="LockstepRunner"/> found.</summary>
/// <param name="Instructions">Instructions that each machine executed, all processors together.</param>
/// <param name="GuestNs">Guest time that passed.</param>
/// <param name="Comparisons">How often the machines were compared.</param>
/// <param name="AdoptedFlagImages">How often undefined flags differed, in a register or in memory, and were made the same.</param>
/// <param name="End">Why the guest ended, null if it did not.</param>
/// <param name="Difference">The first difference, null if there was none.</param>
public sealed record LockstepReport(
    long Instructions, long GuestNs, int Comparisons, long AdoptedFlagImages, ShutdownReason? End, LockstepDifference? Difference);

/// <summary>Where the two machines parted.</summary>
/// <param name="AfterNs">Guest time when they were last the same.</param>
/// <param name="AtNs">Guest time when they were not.</param>
/// <param name="Instructions">What each processor was about to execute when they were the same.</param>
/// <param name="Lines">What differs, a line each: the interpreter's value, then the recompiler's.</param>
public sealed record LockstepDifference(long AfterNs, long AtNs, IReadOnlyList<string> Instructions, IReadOnlyList<string> Lines);
