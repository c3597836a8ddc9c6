using System.Buffers;
using System.Runtime.CompilerServices;

namespace Vivarium.Storage;

/// <content>Writing: in place where a cluster is this image's alone, into new clusters otherwise.</content>
public sealed partial class Qcow2Disk
{
    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        Guard.Writable(IsReadOnly);
        var length = Buffers.Length(buffers);
        Guard.Range(offsetBytes, length, SizeBytes);
        await WriteRangeAsync(offsetBytes, buffers, length, cancellationToken).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteRangeAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long length, CancellationToken cancellationToken)
    {
        var epoch = _epochs.Enter();
        try
        {
            for (long done = 0; done < length;)
            {
                var extent = await MapAsync(offset + done, length - done).ConfigureAwait(false);
                if (!extent.IsInPlace)
                {
                    done += await WriteNewAsync(offset + done, buffers, done, length - done, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                if (_refcounts!.IsMetadata(extent.HostOffset, extent.LengthBytes))
                {
                    throw Corrupt($"the data at {offset + done} of the disk lies over a table at 0x{extent.HostOffset:x}");
                }

                var part = extent.LengthBytes == length ? buffers : Buffers.Slice(buffers, done, extent.LengthBytes);
                await _file.WriteAsync(extent.HostOffset, part, cancellationToken).ConfigureAwait(false);
                done += extent.LengthBytes;
            }
        }
        finally
        {
            _epochs.Exit(epoch);
        }
    }

    /// <summary>Writes some of the request into new clusters; 0 where another request changed the mapping meanwhile.</summary>
    private async ValueTask<long> WriteNewAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long start, long length, CancellationToken cancellationToken)
    {
        AllocationInFlight? flight;
        AllocationInFlight? other;
        await _mutex.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            other = FindFlight(offset >> _clusterBits, 1);
            flight = other is null ? await PrepareAsync(offset, length).ConfigureAwait(false) : null;
        }
        finally
        {
            _mutex.Release();
        }

        if (flight is null)
        {
            if (other is not null)
            {
                await other.Done.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            return 0;
        }

        try
        {
            var end = (flight.First + flight.Count) << _clusterBits;
            var count = Math.Min(length, end - offset);
            await WriteClustersAsync(flight, offset, buffers, start, count, cancellationToken).ConfigureAwait(false);
            await LinkAsync(flight).ConfigureAwait(false);
            return count;
        }
        catch
        {
            await AbandonAsync(flight).ConfigureAwait(false);
            throw;
        }
    }

    private AllocationInFlight? FindFlight(long cluster, long count)
    {
        foreach (var flight in _flights)
        {
            if (flight.Overlaps(cluster, count))
            {
                return flight;
            }
        }

        return null;
    }

    /// <summary>Takes clusters for the beginning of the request. The caller holds the mutex. Null where it can be written in place now.</summary>
    private async ValueTask<AllocationInFlight?> PrepareAsync(long offset, long length)
    {
        if (_l2.IsFullOfDirty || _refcounts!.IsFullOfDirty)
        {
            await CommitAsync().ConfigureAwait(false);
        }

        var table = await EnsureL2TableAsync(offset >> (_clusterBits + _l2Bits)).ConfigureAwait(false);
        var index = L2Index(offset);
        var slice = await _l2.GetAsync(SliceOf(table, index)).ConfigureAwait(false);
        var inSlice = InSlice(index);
        var entry = slice[inSlice];
        if (IsInPlace(entry))
        {
            return null;
        }

        var first = offset >> _clusterBits;
        var wanted = ((offset + length + _clusterBytes - 1) >> _clusterBits) - first;
        var most = (int)Math.Min(wanted, (_l2.SliceBytes / 8) - inSlice);
        var isReuse = IsOwnZero(entry);
        var count = 1;
        while (count < most && FindFlight(first + count, 1) is null)
        {
            var next = slice[inSlice + count];
            var goesOn = isReuse
                ? IsOwnZero(next) && Qcow2Entry.OffsetOf(next) == Qcow2Entry.OffsetOf(entry) + ((long)count << _clusterBits)
                : !IsInPlace(next) && !IsOwnZero(next);
            if (!goesOn)
            {
                break;
            }

            count++;
        }

        var run = new ClusterRun(Qcow2Entry.OffsetOf(entry) >> _clusterBits, count, long.MaxValue);
        if (isReuse)
        {
            CheckReuse(entry, count);
        }
        else
        {
            run = await _refcounts!.AllocateAsync(count).ConfigureAwait(false);
        }

        var lastGuest = first + run.Count - 1;
        var flight = new AllocationInFlight(first, run.Count, run.First << _clusterBits, isReuse)
        {
            SkipsHead = run.First >= run.FreshFrom && ReadsAsZeros(entry, first),
            SkipsTail = run.First + run.Count - 1 >= run.FreshFrom && ReadsAsZeros(slice[inSlice + run.Count - 1], lastGuest),
        };
        _flights.Add(flight);
        return flight;
    }

    private bool IsInPlace(ulong entry) => KindOf(entry) == ClusterKind.Data && (entry & Qcow2Entry.Copied) != 0;

    private bool IsOwnZero(ulong entry) =>
        KindOf(entry) == ClusterKind.Zero && (entry & Qcow2Entry.Copied) != 0 && Qcow2Entry.OffsetOf(entry) != 0;

    private bool ReadsAsZeros(ulong entry, long cluster) => KindOf(entry) switch
    {
        ClusterKind.Zero => true,
        ClusterKind.Unallocated => !IsBackedAt(cluster << _clusterBits),
        _ => false,
    };

    private void CheckReuse(ulong entry, int count)
    {
        var host = Qcow2Entry.OffsetOf(entry);
        var length = (long)count << _clusterBits;
        if ((host & (_clusterBytes - 1)) != 0 || host + length > HostEnd || _refcounts!.IsMetadata(host, length))
        {
            throw Corrupt($"a zero cluster lies at 0x{host:x}");
        }
    }

    /// <summary>Writes the request's part with what stands around it in its first and last cluster.</summary>
    private async ValueTask WriteClustersAsync(
        AllocationInFlight flight, long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long start, long count, CancellationToken cancellationToken)
    {
        var runStart = flight.First << _clusterBits;
        var headBytes = flight.SkipsHead ? 0 : (int)(offset - runStart);
        var tailBytes = flight.SkipsTail ? 0 : (int)(runStart + ((long)flight.Count << _clusterBits) - offset - count);
        var host = flight.HostOffset + (offset - runStart) - headBytes;
        if (headBytes == 0 && tailBytes == 0)
        {
            await _file.WriteAsync(host, Buffers.Slice(buffers, start, count), cancellationToken).ConfigureAwait(false);
            return;
        }

        var around = ArrayPool<byte>.Shared.Rent(headBytes + tailBytes);
        try
        {
            var head = around.AsMemory(0, headBytes);
            var tail = around.AsMemory(headBytes, tailBytes);
            await ReadRangeAsync(runStart, [head], headBytes, cancellationToken).ConfigureAwait(false);
            await ReadRangeAsync(offset + count, [tail], tailBytes, cancellationToken).ConfigureAwait(false);
            var parts = new List<ReadOnlyMemory<byte>>(buffers.Count + 2) { head };
            Buffers.AddSlice(parts, buffers, start, count);
            parts.Add(tail);
            await _file.WriteAsync(host, parts, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(around);
        }
    }

    /// <summary>The data is written: the table may point at it.</summary>
    private async ValueTask LinkAsync(AllocationInFlight flight)
    {
        await _mutex.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            var offset = flight.First << _clusterBits;
            var table = Qcow2Entry.OffsetOf(_l1[offset >> (_clusterBits + _l2Bits)]);
            var index = L2Index(offset);
            var slice = await _l2.GetForChangeAsync(SliceOf(table, index)).ConfigureAwait(false);
            for (var i = 0; i < flight.Count; i++)
            {
                var inSlice = InSlice(index + i);
                var old = slice[inSlice];
                slice[inSlice] = (ulong)(flight.HostOffset + ((long)i << _clusterBits)) | Qcow2Entry.Copied;
                if (!flight.IsReuse)
                {
                    Unlink(old);
                }
            }

            _flights.Remove(flight);
            flight.Done.SetResult();
        }
        finally
        {
            _mutex.Release();
        }
    }

    private async ValueTask AbandonAsync(AllocationInFlight flight)
    {
        await _mutex.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            if (!flight.IsReuse)
            {
                await _refcounts!.AbandonAsync(flight.HostOffset >> _clusterBits, flight.Count).ConfigureAwait(false);
            }
        }
        catch (BlockIOException)
        {
            // The clusters stay counted and unused; the request's own failure is what the caller hears of.
        }
        finally
        {
            _flights.Remove(flight);
            flight.Done.SetResult();
            _mutex.Release();
        }
    }

    /// <summary>An L2 table of this image alone, made if there is none. The caller holds the mutex.</summary>
    private async ValueTask<long> EnsureL2TableAsync(long l1Index)
    {
        var entry = _l1[l1Index];
        var old = Qcow2Entry.OffsetOf(entry);
        if (old != 0)
        {
            CheckTable(old);
            if ((entry & Qcow2Entry.Copied) != 0)
            {
                return old;
            }
        }

        var run = await _refcounts!.AllocateAsync(1).ConfigureAwait(false);
        var offset = run.First << _clusterBits;
        try
        {
            // Nothing refers to the cluster yet, so that its content may go straight to the file: zeros, or what a snapshot shares.
            var content = new byte[_clusterBytes];
            if (old != 0)
            {
                await _file.ReadAsync(old, content, CancellationToken.None).ConfigureAwait(false);
            }

            await _file.WriteAsync(offset, content, CancellationToken.None).ConfigureAwait(false);
        }
        catch
        {
            await _refcounts.AbandonAsync(run.First, 1).ConfigureAwait(false);
            throw;
        }

        _l2.Forget(offset, _clusterBytes);
        _refcounts.ReserveTable(offset, _clusterBytes, "L2 table");
        if (old != 0)
        {
            _refcounts.ForgetTable(old, _clusterBytes);
            _refcounts.Unlink(old >> _clusterBits);
        }

        Volatile.Write(ref _l1[l1Index], (ulong)offset | Qcow2Entry.Copied);
        _dirtyL1Sectors.Add((int)(l1Index / TableSectors.EntriesPerSector));
        return offset;
    }

    /// <summary>The image no longer refers to what an entry names. The caller holds the mutex.</summary>
    private void Unlink(ulong entry)
    {
        if ((entry & Qcow2Entry.Compressed) != 0)
        {
            var (offset, length) = Qcow2Entry.CompressedRange(entry, _clusterBits);
            for (var cluster = offset >> _clusterBits; cluster << _clusterBits < offset + length; cluster++)
            {
                _refcounts!.Unlink(cluster);
            }

            _compressed.Forget();
        }
        else if (Qcow2Entry.OffsetOf(entry) is var offset and not 0 && (offset & (_clusterBytes - 1)) == 0)
        {
            _refcounts!.Unlink(offset >> _clusterBits);
        }
    }
}
