namespace Vivarium.Memory;

/// <summary>
/// Which bytes of a page hold translated code, to the byte: loaders and firmware keep variables right behind their code, and each write to code drops
/// all that was translated from the page. Any thread.
/// </summary>
internal sealed class CodeBytes
{
    private const int WordShift = 6;
    private readonly ulong[] _bits = new ulong[GuestMemory.PageSize >> WordShift];
    private volatile bool _isSettled;

    /// <summary>Whether no vCPU has a pointer to write to the page any more that it got before the first mark.</summary>
    public bool IsSettled
    {
        get => _isSettled;
        set => _isSettled = value;
    }

    /// <summary>Adds <paramref name="sizeBytes"/> bytes, at least one, from an offset in the page; those beyond its end are left out.</summary>
    public void Add(int offset, int sizeBytes)
    {
        var (first, last) = WordsOf(offset, sizeBytes);
        for (var word = first; word <= last; word++)
        {
            Interlocked.Or(ref _bits[word], MaskOf(word, offset, sizeBytes));
        }
    }

    /// <summary>Whether any of the bytes is among them.</summary>
    public bool Overlaps(int offset, int sizeBytes)
    {
        var (first, last) = WordsOf(offset, sizeBytes);
        for (var word = first; word <= last; word++)
        {
            if ((Volatile.Read(ref _bits[word]) & MaskOf(word, offset, sizeBytes)) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static (int First, int Last) WordsOf(int offset, int sizeBytes) =>
        (offset >> WordShift, Math.Min(offset + sizeBytes, (int)GuestMemory.PageSize) - 1 >> WordShift);

    /// <summary>The bits in one word of a range that touches it.</summary>
    private static ulong MaskOf(int word, int offset, int sizeBytes)
    {
        var from = Math.Max(0, offset - (word << WordShift));
        var to = Math.Min(64, offset + sizeBytes - (word << WordShift));
        return (ulong.MaxValue << from) & (ulong.MaxValue >> (64 - to));
    }
}
