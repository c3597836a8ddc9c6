namespace Vivarium;

/// <summary>How a <see cref="LockstepRunner"/> runs and compares.</summary>
public sealed record LockstepOptions
{
    /// <summary>
    /// Nanoseconds of guest time between two comparisons, which is as many instructions while no processor waits. Default 1,000,000; range 1 to
    /// 1,000,000,000.
    /// </summary>
    public long IntervalNs { get; init; } = 1_000_000;

    /// <summary>Guest time at which the run ends if nothing ends it before. Default: none.</summary>
    public long? EndNs { get; init; }

    /// <summary>Instructions after which it is the next processor's turn. Default 10,000; range 1 to 1,000,000,000.</summary>
    public long SliceInstructions { get; init; } = 10_000;

    /// <summary>What both machines' randomness begins with. Default 1.</summary>
    public uint Seed { get; init; } = 1;

    /// <summary>Both machines' date at the start. Default: the first of January 2026, 0:00 UTC.</summary>
    public DateTimeOffset Start { get; init; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>What the guest writes to its console, once. Default: nowhere.</summary>
    public ICharacterSink? Console { get; init; }
}
