namespace Vivarium.Fuzzing.Tests;

/// <summary>What one input may take. Memory is what the running thread allocates on the managed heap, freed or not.</summary>
internal sealed record FuzzLimits
{
    /// <summary>By the clock, and so generous: a loaded machine lets an input wait.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(60);

    public long MemoryBytes { get; init; } = 256L << 20;
}
