using System.Runtime.CompilerServices;

namespace Vivarium.Storage;

/// <content>Reading.</content>
public sealed partial class Qcow2Disk
{
    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        var length = Buffers.Length(buffers);
        Guard.Range(offsetBytes, length, SizeBytes);
        var epoch = _epochs.Enter();
        try
        {
            await ReadRangeAsync(offsetBytes, buffers, length, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _epochs.Exit(epoch);
        }
    }

    /// <summary>Reads within the last cluster's end, which may be beyond the disk's. The caller has entered an epoch.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadRangeAsync(long offset, IReadOnlyList<Memory<byte>> buffers, long length, CancellationToken cancellationToken)
    {
        for (long done = 0; done < length;)
        {
            var position = offset + done;
            var extent = await MapAsync(position, length - done).ConfigureAwait(false);
            var part = extent.LengthBytes == length ? buffers : Buffers.Slice(buffers, done, extent.LengthBytes);
            switch (extent.Kind)
            {
                case ClusterKind.Data:
                    await _file.ReadAsync(extent.HostOffset, part, cancellationToken).ConfigureAwait(false);
                    break;
                case ClusterKind.Unallocated when IsBackedAt(position):
                    await ReadBackingAsync(position, part, extent.LengthBytes, cancellationToken).ConfigureAwait(false);
                    break;
                case ClusterKind.Compressed:
                    await _compressed.ReadAsync(extent.Entry, (int)(position & (_clusterBytes - 1)), part, (int)extent.LengthBytes).ConfigureAwait(false);
                    break;
                default:
                    Buffers.Clear(part);
                    break;
            }

            done += extent.LengthBytes;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadBackingAsync(long offset, IReadOnlyList<Memory<byte>> buffers, long length, CancellationToken cancellationToken)
    {
        var there = Math.Min(length, _backing!.SizeBytes - offset);
        await _backing.ReadAsync(offset, Buffers.Slice(buffers, 0, there), cancellationToken).ConfigureAwait(false);
        if (there < length)
        {
            Buffers.Clear(Buffers.Slice(buffers, there, length - there));
        }
    }
}
