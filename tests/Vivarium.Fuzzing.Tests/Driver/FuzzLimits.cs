namespace Vivarium.Fuzzing.Tests;

/// <summary>What one input may take. Memory is what the running thread allocates on the managed heap, freed or not.</summary>
internal sealed record FuzzLimits
{
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(10);

    public long MemoryBytes { get; init; } = 256L << 20;
}
