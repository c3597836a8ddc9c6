namespace Vivarium.X86;

/// <summary>Rows of elements in host memory, with the results of one element after the other.</summary>
internal static unsafe class StringBulk
{
    /// <summary>
    /// Copies a row; the addresses are those of its lowest element. False if that must go element by element: where the elements themselves
    /// overlap, or a pattern spreads downwards.
    /// </summary>
    public static bool TryCopy(byte* from, byte* to, int bytes, int sizeBytes, bool isDown)
    {
        // How far the destination is ahead, in the direction of the copy.
        var distance = isDown ? from - to : to - from;
        if (distance <= 0 || distance >= bytes)
        {
            // SAFETY: both rows lie within their pages; the copy is right if they overlap.
            Buffer.MemoryCopy(from, to, bytes, bytes);
            return true;
        }

        if (isDown || distance < sizeBytes)
        {
            return false;
        }

        // The elements before the destination repeat: what is filled already doubles.
        Buffer.MemoryCopy(from, to, bytes, distance);
        for (var filled = (int)distance; filled < bytes;)
        {
            var piece = Math.Min(filled, bytes - filled);
            Buffer.MemoryCopy(to, to + filled, piece, piece);
            filled += piece;
        }

        return true;
    }

    /// <summary>Index of the first element that is, or is not, a value; -1 if there is none.</summary>
    public static int IndexOf<T>(byte* row, int count, ulong value, bool isEqual)
        where T : unmanaged => sizeof(T) switch
        {
            1 => IndexOf(new ReadOnlySpan<byte>(row, count), (byte)value, isEqual),
            2 => IndexOf(new ReadOnlySpan<ushort>(row, count), (ushort)value, isEqual),
            4 => IndexOf(new ReadOnlySpan<uint>(row, count), (uint)value, isEqual),
            _ => IndexOf(new ReadOnlySpan<ulong>(row, count), value, isEqual),
        };

    private static int IndexOf<T>(ReadOnlySpan<T> row, T value, bool isEqual)
        where T : IEquatable<T> => isEqual ? row.IndexOf(value) : row.IndexOfAnyExcept(value);
}
