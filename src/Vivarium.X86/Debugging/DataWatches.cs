namespace Vivarium.X86;

/// <summary>
/// What a debugger watches on one processor. Watched pages are not cached, so that each access to them is seen. An instruction with an access
/// that counts runs alone: the processor stops right behind it.
/// </summary>
internal sealed class DataWatches
{
    private readonly List<DataWatch> _watches = [];

    public int Count => _watches.Count;

    /// <summary>The first watch whose range was accessed since <see cref="Forget"/>.</summary>
    public DataWatch? Hit { get; private set; }

    public void Add(DataWatch watch) => _watches.Add(watch);

    public bool Remove(DataWatch watch) => _watches.Remove(watch);

    public bool TouchesPage(ulong linear)
    {
        foreach (var watch in _watches)
        {
            if (watch.TouchesPage(linear))
            {
                return true;
            }
        }

        return false;
    }

    public bool Sees(ulong linear, int sizeBytes, PageAccess access)
    {
        foreach (var watch in _watches)
        {
            if (watch.Sees(linear, sizeBytes, access))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Records an access. True if it is the first hit.</summary>
    public bool Note(ulong linear, int sizeBytes, PageAccess access)
    {
        if (Hit is not null)
        {
            return false;
        }

        foreach (var watch in _watches)
        {
            if (watch.Sees(linear, sizeBytes, access))
            {
                Hit = watch;
                return true;
            }
        }

        return false;
    }

    public DataWatch[] ToArray() => [.. _watches];

    public void Forget() => Hit = null;
}
