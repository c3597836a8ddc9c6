namespace Vivarium.Memory;

/// <summary>Which of a page's 64 chunks of 64 bytes hold translated code. Any thread.</summary>
internal sealed class CodeChunks
{
    private const int ChunkShift = 6;
    private ulong _bits;

    /// <summary>The chunks that bytes of one page touch, a bit each.</summary>
    public static ulong Bits(ulong gpa, int sizeBytes)
    {
        var first = (int)((gpa & (GuestMemory.PageSize - 1)) >> ChunkShift);
        var last = (int)(((gpa & (GuestMemory.PageSize - 1)) + (ulong)sizeBytes - 1) >> ChunkShift);
        return (ulong.MaxValue << first) & (ulong.MaxValue >> (63 - Math.Min(last, 63)));
    }

    public void Add(ulong bits) => Interlocked.Or(ref _bits, bits);

    public bool Overlaps(ulong bits) => (Volatile.Read(ref _bits) & bits) != 0;
}
