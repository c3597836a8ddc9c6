namespace Vivarium.Fuzzing.Tests;

/// <summary>Something that takes hostile bytes. One of its kind is made for a run and lives as long; inputs must not depend on those before them.</summary>
internal abstract class FuzzTarget : IDisposable
{
    /// <summary>Inputs that mean something, for mutations to start from; never empty.</summary>
    public abstract IReadOnlyList<byte[]> Seeds { get; }

    /// <summary>Byte strings with a meaning, to be put into inputs.</summary>
    public virtual IReadOnlyList<byte[]> Words => [];

    /// <summary>Longest input that is made.</summary>
    public virtual int MaxInputBytes => 4096;

    /// <summary>
    /// Runs one input. Any exception is a failure: refusals that are as they should be are caught here. What was reached is told to
    /// <paramref name="reached"/>, so that inputs that reach something new are kept.
    /// </summary>
    public abstract void Execute(ReadOnlySpan<byte> input, Features reached);

    public virtual void Dispose()
    {
    }
}
