namespace Vivarium.Storage;

/// <content>Copying and committing.</content>
public static partial class DiskImage
{
    private const int ChunkBytes = 1 << 20;
    private const int BlockBytes = 4096;

    /// <summary>
    /// Copies a disk's content to a new one of at least that size, whose bytes are all zero; what is zero is not written, so that a thin
    /// disk stays thin. The target is flushed at the end.
    /// </summary>
    /// <exception cref="ArgumentException">The target is too small.</exception>
    /// <exception cref="BlockIOException">Reading or writing failed.</exception>
    public static async ValueTask CopyAsync(IBlockBackend source, IBlockBackend emptyTarget, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(emptyTarget);
        if (emptyTarget.SizeBytes < source.SizeBytes)
        {
            throw new ArgumentException($"The target has {emptyTarget.SizeBytes} bytes and the source {source.SizeBytes}.", nameof(emptyTarget));
        }

        // One chunk is read while the one before is written.
        var buffers = (new byte[ChunkBytes], new byte[ChunkBytes]);
        var writing = Task.CompletedTask;
        var size = source.SizeBytes;
        for (long offset = 0; offset < size;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var extent = await ExtentAsync(source, offset, cancellationToken).ConfigureAwait(false);
            var length = Math.Min(extent.LengthBytes, size - offset);
            if (!extent.IsZero)
            {
                length = Math.Min(length, ChunkBytes - (offset % ChunkBytes));
                var part = buffers.Item1.AsMemory(0, (int)length);
                await source.ReadAsync(offset, [part], cancellationToken).ConfigureAwait(false);
                await writing.ConfigureAwait(false);
                writing = WriteNonZeroAsync(emptyTarget, offset, part, cancellationToken);
                buffers = (buffers.Item2, buffers.Item1);
            }

            offset += length;
            progress?.Report((double)offset / size);
        }

        await writing.ConfigureAwait(false);
        await emptyTarget.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes what a qcow2 image holds into its backing file, which grows if it must, and empties the image. Other images over the same
    /// backing file lose their meaning.
    /// </summary>
    /// <exception cref="DiskImageException">The image has no backing file, or one that the options do not allow or that cannot be written.</exception>
    /// <exception cref="BlockIOException">Reading or writing failed; the image is as it was, and the commit can be made again.</exception>
    public static async ValueTask CommitAsync(string path, DiskOptions options, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        Qcow2Header header;
        var file = HostFile.Open(path, FileMode.Open, isReadOnly: true, options.BlocksCaller);
        await using (file.ConfigureAwait(false))
        {
            header = await Qcow2Header.ReadAsync(file).ConfigureAwait(false);
        }

        var backing = await BackingChain.Start(path).OpenAsync(header, options, isReadOnly: false).ConfigureAwait(false)
            ?? throw new DiskImageException($"'{path}' has no backing file to commit to.");
        await using (backing.ConfigureAwait(false))
        {
            var image = await Qcow2Disk.OpenAsync(path, new DiskOptions { BackingDisk = backing, BlocksCaller = options.BlocksCaller, PunchesHoles = options.PunchesHoles }).ConfigureAwait(false);
            await using (image.ConfigureAwait(false))
            {
                if (image.SizeBytes > backing.SizeBytes)
                {
                    await backing.ResizeAsync(image.SizeBytes, cancellationToken).ConfigureAwait(false);
                }

                await CommitAsync(image, backing, progress, cancellationToken).ConfigureAwait(false);
                await backing.FlushAsync(cancellationToken).ConfigureAwait(false);
                await image.ForgetAsync(cancellationToken).ConfigureAwait(false);
                await image.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async ValueTask CommitAsync(Qcow2Disk image, IBlockBackend backing, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var buffer = new byte[ChunkBytes];
        for (long offset = 0; offset < image.SizeBytes;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var extent = await ExtentAsync(image, offset, cancellationToken).ConfigureAwait(false);
            var length = Math.Min(extent.LengthBytes, image.SizeBytes - offset);
            if (extent is { IsOwn: true, IsZero: true })
            {
                await backing.WriteZeroesAsync(offset, length, mayUnmap: true, cancellationToken).ConfigureAwait(false);
            }
            else if (extent.IsOwn)
            {
                length = Math.Min(length, ChunkBytes);
                await image.ReadAsync(offset, [buffer.AsMemory(0, (int)length)], cancellationToken).ConfigureAwait(false);
                await backing.WriteAsync(offset, [buffer.AsMemory(0, (int)length)], cancellationToken).ConfigureAwait(false);
            }

            offset += length;
            progress?.Report((double)offset / image.SizeBytes);
        }
    }

    private static ValueTask<DiskExtent> ExtentAsync(IBlockBackend disk, long offset, CancellationToken cancellationToken) =>
        disk is IExtentSource source
            ? source.FindExtentAsync(offset, cancellationToken)
            : new ValueTask<DiskExtent>(new DiskExtent(IsZero: false, IsOwn: true, disk.SizeBytes - offset));

    private static async Task WriteNonZeroAsync(IBlockBackend target, long offset, Memory<byte> bytes, CancellationToken cancellationToken)
    {
        for (var start = 0; start < bytes.Length;)
        {
            var isZero = IsZero(bytes, start);
            var end = start;
            do
            {
                end = Math.Min(end + BlockBytes, bytes.Length);
            }
            while (end < bytes.Length && IsZero(bytes, end) == isZero);
            if (!isZero)
            {
                await target.WriteAsync(offset + start, [bytes[start..end]], cancellationToken).ConfigureAwait(false);
            }

            start = end;
        }
    }

    private static bool IsZero(Memory<byte> bytes, int start) => !bytes.Span.Slice(start, Math.Min(BlockBytes, bytes.Length - start)).ContainsAnyExcept((byte)0);
}
