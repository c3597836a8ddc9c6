namespace Vivarium.Memory;

/// <summary>Bits of the byte that stands for one page of one <see cref="PageStore"/>. Changed by atomic operations only.</summary>
internal static class PageState
{
    /// <summary>Handed out for writing or written since the dirty set was last cleared.</summary>
    public const byte Dirty = 1;

    /// <summary>Holds translated code: no write tag may be cached.</summary>
    public const byte Code = 2;

    /// <summary>The page's content is in this store; without it the stores below are asked, and zero is the answer of last resort.</summary>
    public const byte Own = 4;

    /// <summary>May be written in place: it is our own, and nobody holds a pointer to the shared page it was copied from.</summary>
    public const byte Writable = 8;

    /// <summary>A pointer to the shared page below was handed out: copying it must be followed by a revocation.</summary>
    public const byte SharedRead = 16;

    /// <summary>Sets <paramref name="bits"/> and returns the state before.</summary>
    public static byte Set(ref byte state, byte bits)
    {
        while (true)
        {
            var before = Volatile.Read(ref state);
            if ((before & bits) == bits || Interlocked.CompareExchange(ref state, (byte)(before | bits), before) == before)
            {
                return before;
            }
        }
    }

    /// <summary>Clears <paramref name="bits"/> and returns the state before.</summary>
    public static byte Clear(ref byte state, byte bits)
    {
        while (true)
        {
            var before = Volatile.Read(ref state);
            if ((before & bits) == 0 || Interlocked.CompareExchange(ref state, (byte)(before & ~bits), before) == before)
            {
                return before;
            }
        }
    }
}
