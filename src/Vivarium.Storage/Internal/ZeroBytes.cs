namespace Vivarium.Storage;

/// <summary>Zeros to write where the host has no quicker way.</summary>
internal static class ZeroBytes
{
    private const int ChunkBytes = 1 << 20;

    public static async ValueTask WriteAsync(IDiskFile file, long offsetBytes, long lengthBytes, CancellationToken cancellationToken)
    {
        var zeros = new byte[(int)Math.Min(lengthBytes, ChunkBytes)];
        while (lengthBytes > 0)
        {
            var count = (int)Math.Min(lengthBytes, zeros.Length);
            await file.WriteAsync(offsetBytes, zeros.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            offsetBytes += count;
            lengthBytes -= count;
        }
    }
}
