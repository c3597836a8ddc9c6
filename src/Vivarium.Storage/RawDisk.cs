namespace Vivarium.Storage;

/// <summary>
/// A disk whose file has exactly its content. Holes are kept: discarded ranges give storage back where the host's file system can.
/// A file whose length is no multiple of 512 gets zeros at its end up to one.
/// </summary>
public sealed class RawDisk : ISnapshotBackend, IExtentSource
{
    private const int SectorBytes = 512;
    private const int HoleBytes = 4096;

    private readonly IDiskFile _file;
    private readonly SemaphoreSlim _resizing = new(1, 1);
    private long _sizeBytes;

    internal RawDisk(IDiskFile file)
    {
        _file = file;
        _sizeBytes = RoundUp(file.LengthBytes);
    }

    /// <inheritdoc/>
    public long SizeBytes => Volatile.Read(ref _sizeBytes);

    /// <inheritdoc/>
    public int BlockSizeBytes => SectorBytes;

    /// <inheritdoc/>
    public bool IsReadOnly => _file.IsReadOnly;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => new(CanDiscard: !IsReadOnly && PosixFile.IsSupported, CanWriteZeroes: PosixFile.IsSupported, CanResize: !IsReadOnly, HoleBytes);

    /// <summary>Opens a file as a disk. An ISO image is opened with <see cref="DiskOptions.IsReadOnly"/>.</summary>
    /// <exception cref="BlockIOException">The file is not there, may not be opened, or is in use.</exception>
    public static RawDisk Open(string path, DiskOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new DiskOptions();
        return new RawDisk(HostFile.Open(path, FileMode.Open, options.IsReadOnly, options.BlocksCaller));
    }

    /// <summary>Creates a file of holes. <paramref name="sizeBytes"/> is rounded up to 512.</summary>
    /// <exception cref="BlockIOException">The file exists, cannot be created, or cannot have that size.</exception>
    public static async ValueTask<RawDisk> CreateAsync(string path, long sizeBytes, DiskOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfNegative(sizeBytes);
        var file = HostFile.Open(path, FileMode.CreateNew, isReadOnly: false, options?.BlocksCaller ?? false);
        try
        {
            await file.SetLengthAsync(RoundUp(sizeBytes)).ConfigureAwait(false);
            return new RawDisk(file);
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            File.Delete(path);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        Guard.Range(offsetBytes, Buffers.Length(buffers), SizeBytes);
        return _file.ReadAsync(offsetBytes, buffers, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        Guard.Writable(IsReadOnly);
        Guard.Range(offsetBytes, Buffers.Length(buffers), SizeBytes);
        return _file.WriteAsync(offsetBytes, buffers, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => IsReadOnly ? ValueTask.CompletedTask : _file.FlushAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Guard.Writable(IsReadOnly);
        Guard.Range(offsetBytes, lengthBytes, SizeBytes);
        if (lengthBytes > 0)
        {
            await _file.TryPunchHoleAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default)
    {
        Guard.Writable(IsReadOnly);
        Guard.Range(offsetBytes, lengthBytes, SizeBytes);
        if (lengthBytes > 0 &&
            !(mayUnmap && await _file.TryPunchHoleAsync(offsetBytes, lengthBytes).ConfigureAwait(false)) &&
            !await _file.TryZeroRangeAsync(offsetBytes, lengthBytes).ConfigureAwait(false))
        {
            await ZeroBytes.WriteAsync(_file, offsetBytes, lengthBytes, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default)
    {
        Guard.Writable(IsReadOnly);
        Guard.NewSize(newSizeBytes);
        await _resizing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _file.SetLengthAsync(RoundUp(newSizeBytes)).ConfigureAwait(false);
            Volatile.Write(ref _sizeBytes, RoundUp(newSizeBytes));
        }
        finally
        {
            _resizing.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _file.DisposeAsync();

    ValueTask<DiskExtent> IExtentSource.FindExtentAsync(long offsetBytes, CancellationToken cancellationToken)
    {
        var (isHole, length) = _file.FindExtent(offsetBytes);
        return new ValueTask<DiskExtent>(new DiskExtent(isHole, IsOwn: true, length));
    }

    private static long RoundUp(long sizeBytes) => sizeBytes > long.MaxValue - SectorBytes ? sizeBytes : (sizeBytes + SectorBytes - 1) & -SectorBytes;

    string ISnapshotBackend.BaseStamp => _file.Stamp;

    IEnumerable<BlockRun> ISnapshotBackend.EnumerateOwn() => [];

    IBlockReplacement? ISnapshotBackend.BeginReplace(long sizeBytes) => sizeBytes == SizeBytes ? new NoReplacement() : null;
}
