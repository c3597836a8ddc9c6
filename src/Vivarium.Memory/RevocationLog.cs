namespace Vivarium.Memory;

/// <summary>Revocations by number, and of the last ones which page each was about. Any thread.</summary>
internal sealed class RevocationLog
{
    /// <summary>Whoever is further behind drops all that it has.</summary>
    private const int Remembered = 64;

    private readonly Lock _gate = new();
    private readonly nint[] _pages = new nint[Remembered];
    private long _last;

    /// <summary>The number of the last revocation.</summary>
    public long Last => Volatile.Read(ref _last);

    /// <summary>Adds a revocation of the tags of one page, or of all with 0, and gives its number. A full fence.</summary>
    public long Add(nint hostPage)
    {
        lock (_gate)
        {
            var number = _last + 1;
            Volatile.Write(ref _pages[number % Remembered], hostPage);
            Interlocked.Exchange(ref _last, number);
            return number;
        }
    }

    /// <summary>Which page a revocation was about. False if it was about all, or is so long ago that it is not known any more.</summary>
    public bool TryGetPage(long number, out nint hostPage)
    {
        hostPage = Volatile.Read(ref _pages[number % Remembered]);

        // The place is written before the number of what it is written for is seen, so one of them more may be on its way.
        return hostPage != 0 && Last - number < Remembered - 1;
    }
}
