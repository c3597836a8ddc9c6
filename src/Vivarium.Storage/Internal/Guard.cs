namespace Vivarium.Storage;

/// <summary>What every back end checks of a request.</summary>
internal static class Guard
{
    /// <exception cref="BlockIOException">The range leaves the disk.</exception>
    public static void Range(long offsetBytes, long lengthBytes, long sizeBytes)
    {
        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > sizeBytes || lengthBytes > sizeBytes - offsetBytes)
        {
            throw new BlockIOException(BlockErrorKind.OutOfRange, $"The request for {lengthBytes} bytes at {offsetBytes} leaves the disk, which has {sizeBytes} bytes.");
        }
    }

    /// <exception cref="BlockIOException">The disk is read-only.</exception>
    public static void Writable(bool isReadOnly)
    {
        if (isReadOnly)
        {
            throw new BlockIOException(BlockErrorKind.ReadOnly, "The disk is read-only.");
        }
    }

    /// <exception cref="BlockIOException">No disk can have this size.</exception>
    public static void NewSize(long sizeBytes)
    {
        if (sizeBytes < 0)
        {
            throw new BlockIOException(BlockErrorKind.OutOfRange, "A disk cannot have a negative size.");
        }
    }
}
