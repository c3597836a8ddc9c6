namespace Vivarium.Storage;

/// <summary>
/// Tells when all requests that could still use a freed cluster are over: what was freed in generation g is unused once the generation is
/// g + 2. Entering and leaving is for any thread, advancing for the holder of the image's mutex.
/// </summary>
internal sealed class OperationEpochs
{
    private long _even;
    private long _odd;
    private long _generation;

    public long Generation => Volatile.Read(ref _generation);

    /// <summary>Begins a request; the result goes to <see cref="Exit"/>.</summary>
    public long Enter()
    {
        while (true)
        {
            var generation = Volatile.Read(ref _generation);
            Interlocked.Increment(ref CounterOf(generation));
            if (Volatile.Read(ref _generation) == generation)
            {
                return generation;
            }

            Interlocked.Decrement(ref CounterOf(generation));
        }
    }

    public void Exit(long generation) => Interlocked.Decrement(ref CounterOf(generation));

    /// <summary>Goes on by one where no request of the generation before is left.</summary>
    public bool TryAdvance()
    {
        if (Interlocked.Read(ref CounterOf(_generation + 1)) != 0)
        {
            return false;
        }

        Interlocked.Increment(ref _generation);
        return true;
    }

    private ref long CounterOf(long generation) => ref (generation & 1) == 0 ? ref _even : ref _odd;
}
