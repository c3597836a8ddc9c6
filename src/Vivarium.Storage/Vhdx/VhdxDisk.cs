using System.Buffers.Binary;

namespace Vivarium.Storage;

/// <summary>
/// A disk in a VHDX image, fixed or dynamic, read only ([MS-VHDX] version 8.0). Images that were not closed and differencing disks are
/// refused. For writing put an <see cref="OverlayDisk"/> or a qcow2 image over it, or convert it.
/// </summary>
public sealed class VhdxDisk : ISnapshotBackend, IExtentSource
{
    private const int SliceBytes = 4096;
    private const int LongestRun = 1 << 30;

    private readonly VhdxHeader _header;
    private readonly MetadataCache _blocks;

    private VhdxDisk(IDiskFile file, VhdxHeader header, int cacheBytes)
    {
        File = file;
        _header = header;
        _blocks = new MetadataCache(file, SliceBytes, Math.Max(4, cacheBytes / SliceBytes));
    }

    /// <inheritdoc/>
    public long SizeBytes => _header.SizeBytes;

    /// <inheritdoc/>
    public int BlockSizeBytes => _header.SectorBytes;

    /// <inheritdoc/>
    public bool IsReadOnly => true;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => new(CanDiscard: false, CanWriteZeroes: false, CanResize: false, _header.BlockBytes);

    internal IDiskFile File { get; }

    /// <summary>Opens an image. <see cref="DiskOptions.IsReadOnly"/> must be set.</summary>
    /// <exception cref="DiskImageException">The image is damaged, was not closed, or needs what is not supported.</exception>
    /// <exception cref="BlockIOException">The file is not there, may not be opened, or is in use.</exception>
    public static async ValueTask<VhdxDisk> OpenAsync(string path, DiskOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        if (!options.IsReadOnly)
        {
            throw new DiskImageException($"'{path}' is a VHDX image, which can only be read. Open it read-only, put an overlay over it, or convert it.");
        }

        var file = HostFile.Open(path, FileMode.Open, isReadOnly: true, options.BlocksCaller);
        try
        {
            return await OpenAsync(file, options).ConfigureAwait(false);
        }
        catch (DiskImageException exception)
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw new DiskImageException($"'{path}': {exception.Message}", exception);
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        var length = Buffers.Length(buffers);
        Guard.Range(offsetBytes, length, SizeBytes);
        for (long done = 0; done < length;)
        {
            var (host, count) = await MapAsync(offsetBytes + done, length - done).ConfigureAwait(false);
            var part = Buffers.Slice(buffers, done, count);
            if (host < 0)
            {
                Buffers.Clear(part);
            }
            else
            {
                await File.ReadAsync(host, part, cancellationToken).ConfigureAwait(false);
            }

            done += count;
        }
    }

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
    public ValueTask DisposeAsync() => File.DisposeAsync();

    async ValueTask<DiskExtent> IExtentSource.FindExtentAsync(long offsetBytes, CancellationToken cancellationToken)
    {
        var (host, count) = await MapAsync(offsetBytes, LongestRun).ConfigureAwait(false);
        return new DiskExtent(host < 0, IsOwn: true, count);
    }

    internal static async ValueTask<VhdxDisk> OpenAsync(IDiskFile file, DiskOptions options) =>
        new(file, await VhdxHeader.ReadAsync(file).ConfigureAwait(false), Math.Clamp(options.MetadataCacheBytes, 64 << 10, 1 << 30));

    private static ValueTask Refuse()
    {
        Guard.Writable(isReadOnly: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>The place of a guest offset in the file, or -1 for zeros, and how many bytes of its block follow.</summary>
    private async ValueTask<(long Host, long LengthBytes)> MapAsync(long offset, long length)
    {
        var block = offset / _header.BlockBytes;
        var inBlock = offset % _header.BlockBytes;
        var place = _header.BatOffset + (_header.BatIndexOf(block) * 8);
        var slice = await _blocks.GetAsync(place & -(long)SliceBytes).ConfigureAwait(false);
        var entry = BinaryPrimitives.ReadUInt64LittleEndian(slice.Bytes.AsSpan((int)(place & (SliceBytes - 1))));
        length = Math.Min(length, _header.BlockBytes - inBlock);
        switch (entry & 7)
        {
            case 0 or 1 or 2 or 3:
                return (-1, length);
            case 6:
                var host = (long)(entry & ~0xF_FFFFUL);
                return host > 0 && host <= File.LengthBytes - _header.BlockBytes
                    ? (host + inBlock, length)
                    : throw new BlockIOException(BlockErrorKind.Failed, $"The image is corrupt: the block at {block * _header.BlockBytes} of the disk lies at 0x{entry & ~0xF_FFFFUL:x}.");
            default:
                throw new BlockIOException(BlockErrorKind.Failed, $"The image is corrupt: the block at {block * _header.BlockBytes} of the disk has the state {entry & 7}.");
        }
    }

    string ISnapshotBackend.BaseStamp => File.Stamp;

    IEnumerable<BlockRun> ISnapshotBackend.EnumerateOwn() => [];

    IBlockReplacement? ISnapshotBackend.BeginReplace(long sizeBytes) => sizeBytes == SizeBytes ? new NoReplacement() : null;
}
