namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>A disk whose requests run on the thread pool, as those of files do.</summary>
internal sealed class PoolDisk(IBlockBackend disk) : IBlockBackend
{
    public long SizeBytes => disk.SizeBytes;

    public int BlockSizeBytes => disk.BlockSizeBytes;

    public bool IsReadOnly => disk.IsReadOnly;

    public BlockCapabilities Capabilities => disk.Capabilities;

    public ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default) =>
        Call(() => disk.ReadAsync(offsetBytes, buffers, cancellationToken));

    public ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default) =>
        Call(() => disk.WriteAsync(offsetBytes, buffers, cancellationToken));

    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => Call(() => disk.FlushAsync(cancellationToken));

    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default) =>
        Call(() => disk.DiscardAsync(offsetBytes, lengthBytes, cancellationToken));

    public ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default) =>
        Call(() => disk.WriteZeroesAsync(offsetBytes, lengthBytes, mayUnmap, cancellationToken));

    public ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default) => disk.ResizeAsync(newSizeBytes, cancellationToken);

    public ValueTask DisposeAsync() => disk.DisposeAsync();

    private static async ValueTask Call(Func<ValueTask> call)
    {
        await Task.Yield();
        await call().ConfigureAwait(false);
    }
}
