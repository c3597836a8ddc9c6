namespace Vivarium;

/// <summary>
/// What stands behind a disk: an image file, memory, or a program of the host. Offsets and lengths are in bytes and need no alignment.
/// </summary>
/// <remarks>
/// <para>All methods may be called from any thread and at the same time. Of two overlapping requests in flight together either may come first,
/// and a read may see a mixture; a request that starts after another completed sees all of it.</para>
/// <para>A request that leaves the disk fails whole with <see cref="BlockErrorKind.OutOfRange"/> and changes nothing. Whatever else the host
/// cannot do is a <see cref="BlockIOException"/> too, which a device turns into a status for its guest; after a failed write the range holds
/// old or new bytes, and the disk remains usable. Cancelling does the same with an <see cref="OperationCanceledException"/>.</para>
/// <para>Buffers belong to the back end until the task completes. They may be guest memory: nothing is copied on the way to the host's file.
/// A call may complete before it returns. Back ends over files do not wait for the host's storage on the caller's thread unless they were
/// opened to do so.</para>
/// </remarks>
public interface IBlockBackend : IAsyncDisposable
{
    /// <summary>The disk's size in bytes. Changes only by <see cref="ResizeAsync"/>.</summary>
    long SizeBytes { get; }

    /// <summary>The logical sector size that a device should show, in bytes: 512 or 4096. A device rounds <see cref="SizeBytes"/> down to it.</summary>
    int BlockSizeBytes { get; }

    /// <summary>Whether writes, discards and resizes fail with <see cref="BlockErrorKind.ReadOnly"/>.</summary>
    bool IsReadOnly { get; }

    /// <summary>What the back end does well.</summary>
    BlockCapabilities Capabilities { get; }

    /// <summary>Fills <paramref name="buffers"/>, in their order, from <paramref name="offsetBytes"/> on.</summary>
    /// <exception cref="BlockIOException">The range leaves the disk, or the host could not read.</exception>
    ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default);

    /// <summary>Writes <paramref name="buffers"/>, in their order, from <paramref name="offsetBytes"/> on. Durable after the next flush.</summary>
    /// <exception cref="BlockIOException">The disk is read-only or full, the range leaves it, or the host could not write.</exception>
    ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default);

    /// <summary>What was completed before the call is durable when the task completes. On a read-only disk nothing happens.</summary>
    /// <exception cref="BlockIOException">The host could not make it durable; later flushes may fail for good.</exception>
    ValueTask FlushAsync(CancellationToken cancellationToken = default);

    /// <summary>Says that the range's content is not needed. Afterwards it reads as before or as zeros, by blocks that the back end chooses.</summary>
    /// <exception cref="BlockIOException">The disk is read-only, the range leaves it, or the host failed.</exception>
    ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default);

    /// <summary>Makes the range read as zeros; with <paramref name="mayUnmap"/> the host's storage may be given back.</summary>
    /// <exception cref="BlockIOException">The disk is read-only or full, the range leaves it, or the host failed.</exception>
    ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default);

    /// <summary>Changes the size. New bytes read as zeros. No other request may be in flight beyond the smaller of both sizes.</summary>
    /// <exception cref="BlockIOException">The disk is read-only or full, or the back end cannot have that size.</exception>
    ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default);
}
