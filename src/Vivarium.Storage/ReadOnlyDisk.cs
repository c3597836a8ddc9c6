namespace Vivarium.Storage;

/// <summary>A disk that cannot be changed, whatever is below: a CD, or a base that several machines share.</summary>
/// <param name="disk">The disk below.</param>
/// <param name="ownsDisk">Whether it is disposed with this one.</param>
public sealed class ReadOnlyDisk(IBlockBackend disk, bool ownsDisk = false) : ISnapshotBackend, IExtentSource
{
    /// <inheritdoc/>
    public long SizeBytes => disk.SizeBytes;

    /// <inheritdoc/>
    public int BlockSizeBytes => disk.BlockSizeBytes;

    /// <inheritdoc/>
    public bool IsReadOnly => true;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => default;

    /// <inheritdoc/>
    public ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default) =>
        disk.ReadAsync(offsetBytes, buffers, cancellationToken);

    /// <inheritdoc/>
    public ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default) => Refuse();

    /// <inheritdoc/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default) => Refuse();

    /// <inheritdoc/>
    public ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default) => Refuse();

    /// <inheritdoc/>
    public ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default) => Refuse();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ownsDisk ? disk.DisposeAsync() : ValueTask.CompletedTask;

    ValueTask<DiskExtent> IExtentSource.FindExtentAsync(long offsetBytes, CancellationToken cancellationToken) =>
        disk is IExtentSource source
            ? source.FindExtentAsync(offsetBytes, cancellationToken)
            : new ValueTask<DiskExtent>(new DiskExtent(IsZero: false, IsOwn: true, disk.SizeBytes - offsetBytes));

    private static ValueTask Refuse()
    {
        Guard.Writable(isReadOnly: true);
        return ValueTask.CompletedTask;
    }

    string ISnapshotBackend.BaseStamp => (disk as ISnapshotBackend)?.BaseStamp ?? "";

    IEnumerable<BlockRun> ISnapshotBackend.EnumerateOwn() => [];

    IBlockReplacement? ISnapshotBackend.BeginReplace(long sizeBytes) => sizeBytes == SizeBytes ? new NoReplacement() : null;
}
