using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <content>From a buffer to a request, and its steps on the host.</content>
public sealed partial class VirtioBlock
{
    /// <summary>2 GiB.</summary>
    private const int MaximumDiscardSectors = 1 << 22;

    /// <summary>Where zeros have to be written out, one request must not keep the host busy for long.</summary>
    private int MaximumZeroSectors => _backend.Capabilities.CanWriteZeroes ? MaximumDiscardSectors : StepBytes / BlockBits.SectorBytes;

    /// <inheritdoc/>
    protected override long Process(Virtqueue queue, DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(chain);
        if (!_free.TryPop(out var request))
        {
            request = new BlockRequest(this);
        }

        request.Begin(queue, chain);
        request.Epoch = _epoch;
        _active.Add(request);
        return Launch(request);
    }

    /// <summary>Reads the header, and begins; how many bytes were moved at once.</summary>
    private long Launch(BlockRequest request)
    {
        Span<byte> header = stackalloc byte[BlockBits.HeaderBytes];
        if (request.Chain.WritableBytes == 0 || !request.Chain.TryRead(0, header))
        {
            request.Queue.Break("a request without room for its header or its status");
            Drop(request);
            return 0;
        }

        return Parse(request, header) is { } status ? Finish(request, status) : Run(request);
    }

    /// <summary>Understands a request; its status if it ends here.</summary>
    private BlockStatus? Parse(BlockRequest request, ReadOnlySpan<byte> header)
    {
        var kind = (BlockRequestKind)BinaryPrimitives.ReadUInt32LittleEndian(header);
        var sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        var dataBytes = kind == BlockRequestKind.Write ? request.Chain.ReadableBytes - BlockBits.HeaderBytes : request.Chain.WritableBytes - 1;
        switch (kind)
        {
            case BlockRequestKind.Read or BlockRequestKind.Write:
                if (dataBytes % BlockBits.SectorBytes != 0 || !IsOnDisk(sector, (ulong)dataBytes / BlockBits.SectorBytes)
                    || (kind == BlockRequestKind.Write && _backend.IsReadOnly))
                {
                    return BlockStatus.IoError;
                }

                request.SetTarget(kind, (long)sector * BlockBits.SectorBytes, dataBytes);
                return null;
            case BlockRequestKind.Flush:
                request.SetTarget(kind, 0, 0);
                return null;
            case BlockRequestKind.GetId:
                return request.Chain.TryWrite(0, _serial.AsSpan(0, (int)Math.Min(dataBytes, SerialBytes))) ? BlockStatus.Ok : BlockStatus.IoError;
            case BlockRequestKind.Discard or BlockRequestKind.WriteZeroes:
                request.SetTarget(kind, 0, 0);
                return ParseRanges(request);
            default:
                return BlockStatus.Unsupported;
        }
    }

    private BlockStatus? ParseRanges(BlockRequest request)
    {
        var bytes = request.Chain.ReadableBytes - BlockBits.HeaderBytes;
        var isDiscard = request.Kind == BlockRequestKind.Discard;
        if (_backend.IsReadOnly || bytes == 0 || bytes % BlockBits.RangeBytes != 0 || bytes / BlockBits.RangeBytes > BlockBits.MaximumRanges)
        {
            return BlockStatus.IoError;
        }

        Span<byte> range = stackalloc byte[BlockBits.RangeBytes];
        request.RangeCount = (int)bytes / BlockBits.RangeBytes;
        for (var i = 0; i < request.RangeCount; i++)
        {
            request.Chain.TryRead(BlockBits.HeaderBytes + ((long)i * BlockBits.RangeBytes), range);
            var sector = BinaryPrimitives.ReadUInt64LittleEndian(range);
            var sectors = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
            var flags = BinaryPrimitives.ReadUInt32LittleEndian(range[12..]);
            if ((flags & ~(isDiscard ? 0 : BlockBits.UnmapFlag)) != 0)
            {
                return BlockStatus.Unsupported;
            }

            if (sectors > (isDiscard ? MaximumDiscardSectors : MaximumZeroSectors) || !IsOnDisk(sector, sectors))
            {
                return BlockStatus.IoError;
            }

            request.Ranges[i] = ((long)sector * BlockBits.SectorBytes, (long)sectors * BlockBits.SectorBytes, flags != 0);
        }

        return null;
    }

    private bool IsOnDisk(ulong sector, ulong sectors)
    {
        var capacity = (ulong)CapacityBytes / BlockBits.SectorBytes;
        return sector <= capacity && sectors <= capacity - sector;
    }

    /// <summary>Takes steps until one is left to the host or the request is over; how many bytes were moved at once.</summary>
    private long Run(BlockRequest request)
    {
        var moved = 0L;
        while (true)
        {
            if (!HasStepLeft(request))
            {
                Finish(request, BlockStatus.Ok);
                return moved;
            }

            if (_cancellation.IsCancellationRequested)
            {
                // A pause came between two steps, or a reset.
                SetAside(request);
                return moved;
            }

            try
            {
                var task = BeginStep(request);
                if (!task.IsCompleted)
                {
                    lock (_hostGate)
                    {
                        _onHost++;
                    }

                    request.Await(task);
                    return moved;
                }

                task.GetAwaiter().GetResult();
            }
            catch (Exception exception)
            {
                request.Failure = exception;
            }

            moved += request.StepSize;
            EndStep(request);
            if (request.Failure is not null)
            {
                Fail(request);
                return moved;
            }
        }
    }

    private bool HasStepLeft(BlockRequest request) => request.Kind switch
    {
        BlockRequestKind.Read => request.Position < request.DataBytes,
        BlockRequestKind.Flush => !request.IsFlushed,
        _ => !HasMoved(request) || (!request.IsFlushed && !Has(BlockBits.Flush)),
    };

    /// <summary>Whether all data went to the host, or all ranges; what remains then is to flush.</summary>
    private static bool HasMoved(BlockRequest request) =>
        request.Position >= (request.Kind is BlockRequestKind.Discard or BlockRequestKind.WriteZeroes ? request.RangeCount : request.DataBytes);

    private ValueTask BeginStep(BlockRequest request)
    {
        var cancellation = _cancellation.Token;
        if (request.Kind != BlockRequestKind.Read && HasMoved(request))
        {
            request.IsFlushed = true;
            return _backend.FlushAsync(cancellation);
        }

        if (request.Kind is BlockRequestKind.Discard or BlockRequestKind.WriteZeroes)
        {
            request.StepSize = 1;
            var (offset, length, mayUnmap) = request.Ranges[request.Position];
            return request.Kind == BlockRequestKind.Discard
                ? _backend.DiscardAsync(offset, length, cancellation)
                : _backend.WriteZeroesAsync(offset, length, mayUnmap, cancellation);
        }

        request.StepSize = (int)Math.Min(request.DataBytes - request.Position, StepBytes);
        if (request.Kind == BlockRequestKind.Read)
        {
            request.ReadParts.Clear();
            request.Chain.TryLeaseWritable(request.Position, request.StepSize, request.ReadParts);
            return _backend.ReadAsync(request.OffsetBytes + request.Position, request.ReadParts, cancellation);
        }

        request.WriteParts.Clear();
        request.Chain.TryLeaseReadable(BlockBits.HeaderBytes + request.Position, request.StepSize, request.WriteParts);
        return _backend.WriteAsync(request.OffsetBytes + request.Position, request.WriteParts, cancellation);
    }

    /// <summary>The step is over, whatever came of it. Any thread.</summary>
    private static void EndStep(BlockRequest request)
    {
        if (request.Kind == BlockRequestKind.Read && request.StepSize > 0)
        {
            // A failed read may have written some of it.
            request.Chain.EndWrite(request.Position, request.StepSize);
        }

        request.Position += request.StepSize;
        request.StepSize = 0;
    }

    private void Fail(BlockRequest request)
    {
        if (!_failureLogged)
        {
            _failureLogged = true;
            VirtioLog.DiskFailed(Services.Log, StateName, request.Failure!.Message, request.Failure is BlockIOException ? null : request.Failure);
        }

        Finish(request, request.Failure is BlockIOException { Kind: BlockErrorKind.NotSupported } ? BlockStatus.Unsupported : BlockStatus.IoError);
    }

    private long Finish(BlockRequest request, BlockStatus status)
    {
        var chain = request.Chain;
        chain.TryWrite(chain.WritableBytes - 1, [(byte)status]);
        Drop(request, chain.WritableBytes);
        return 0;
    }

    /// <summary>The buffer goes back to the driver, the request to the pool.</summary>
    private void Drop(BlockRequest request, long writtenBytes = 0)
    {
        request.Queue.Complete(request.Chain, (uint)writtenBytes);
        request.Release();
        _active.Remove(request);
        _free.Push(request);
        if (request.Epoch != _epoch)
        {
            OnOlderFinished();
        }
    }
}
