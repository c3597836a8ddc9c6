using Vivarium.Memory;

namespace Vivarium.Virtio;

/// <summary>
/// One buffer that the driver made available: first bytes for the device to read, then bytes for it to write. Checked as a whole when it is
/// taken from its queue: all of it is guest memory of the right kind, and it is no longer than the queue allows. It goes back to its queue
/// by <see cref="Virtqueue.Complete"/> and must not be used afterwards. Not thread-safe; leases may be used by one thread at a time.
/// </summary>
public sealed class DescriptorChain
{
    private readonly GuestMemory _memory;
    private Segment[] _segments = new Segment[8];
    private int _count;
    private int _readableCount;

    internal DescriptorChain(GuestMemory memory) => _memory = memory;

    /// <summary>How many bytes the device may read; less than 4 GiB.</summary>
    public long ReadableBytes { get; private set; }

    /// <summary>How many bytes the device may write; less than 4 GiB.</summary>
    public long WritableBytes { get; private set; }

    /// <summary>How many descriptors hold the buffer.</summary>
    public int SegmentCount => _count;

    /// <summary>What the driver calls the buffer: the head's index, or the buffer ID of a packed ring.</summary>
    internal ushort Id { get; set; }

    /// <summary>How many descriptors of the ring it takes.</summary>
    internal int RingDescriptors { get; set; }

    internal int ReadableSegmentCount => _readableCount;

    internal ReadOnlySpan<Segment> Segments => _segments.AsSpan(0, _count);

    /// <summary>Copies readable bytes out.</summary>
    /// <param name="offset">From the first readable byte on.</param>
    /// <param name="destination">Filled whole, or not at all.</param>
    /// <returns>False if there are not so many bytes.</returns>
    public bool TryRead(long offset, Span<byte> destination)
    {
        if (offset < 0 || offset > ReadableBytes - destination.Length)
        {
            return false;
        }

        for (var i = 0; i < _readableCount && !destination.IsEmpty; i++)
        {
            var segment = _segments[i];
            if (offset < segment.SizeBytes)
            {
                var length = (int)Math.Min(destination.Length, segment.SizeBytes - offset);
                if (!_memory.TryRead(segment.Gpa + (ulong)offset, destination[..length]))
                {
                    return false;
                }

                destination = destination[length..];
                offset = 0;
            }
            else
            {
                offset -= segment.SizeBytes;
            }
        }

        return true;
    }

    /// <summary>Copies bytes into the writable part.</summary>
    /// <param name="offset">From the first writable byte on.</param>
    /// <param name="source">Written whole, or not at all.</param>
    /// <returns>False if there are not so many bytes.</returns>
    public bool TryWrite(long offset, ReadOnlySpan<byte> source)
    {
        if (offset < 0 || offset > WritableBytes - source.Length)
        {
            return false;
        }

        for (var i = _readableCount; i < _count && !source.IsEmpty; i++)
        {
            var segment = _segments[i];
            if (offset < segment.SizeBytes)
            {
                var length = (int)Math.Min(source.Length, segment.SizeBytes - offset);
                if (!_memory.TryWrite(segment.Gpa + (ulong)offset, source[..length]))
                {
                    return false;
                }

                source = source[length..];
                offset = 0;
            }
            else
            {
                offset -= segment.SizeBytes;
            }
        }

        return true;
    }

    /// <summary>Appends readable bytes themselves to <paramref name="parts"/> (<see cref="GuestMemory.TryLeaseForReading"/>).</summary>
    /// <returns>False if there are not so many bytes; what was appended is of no use then.</returns>
    public bool TryLeaseReadable(long offset, int sizeBytes, ICollection<ReadOnlyMemory<byte>> parts)
    {
        var walk = new Walk(this, writable: false, offset, sizeBytes);
        while (walk.TryNext(out var gpa, out var length))
        {
            if (!_memory.TryLeaseForReading(gpa, length, parts))
            {
                return false;
            }
        }

        return walk.IsComplete;
    }

    /// <summary>Appends writable bytes themselves to <paramref name="parts"/>; when they may have been written, call <see cref="EndWrite"/>.</summary>
    /// <returns>False if there are not so many bytes; what was appended is of no use then.</returns>
    public bool TryLeaseWritable(long offset, int sizeBytes, ICollection<Memory<byte>> parts)
    {
        var walk = new Walk(this, writable: true, offset, sizeBytes);
        while (walk.TryNext(out var gpa, out var length))
        {
            if (!_memory.TryLeaseForWriting(gpa, length, parts))
            {
                return false;
            }
        }

        return walk.IsComplete;
    }

    /// <summary>Ends a write through <see cref="TryLeaseWritable"/>: pages become dirty, translated code stale. Any thread.</summary>
    public void EndWrite(long offset, int sizeBytes)
    {
        var walk = new Walk(this, writable: true, offset, sizeBytes);
        while (walk.TryNext(out var gpa, out var length))
        {
            _memory.EndWrite(gpa, (ulong)length);
        }
    }

    internal void Clear()
    {
        _count = 0;
        _readableCount = 0;
        ReadableBytes = 0;
        WritableBytes = 0;
        Id = 0;
        RingDescriptors = 1;
    }

    /// <summary>Appends a descriptor after checking it; the reason why it cannot be, or null.</summary>
    internal string? Append(ulong gpa, uint sizeBytes, bool writable)
    {
        if (sizeBytes == 0)
        {
            return "a descriptor of no bytes";
        }

        if (!writable && _readableCount != _count)
        {
            return "a readable descriptor behind a writable one";
        }

        if (ReadableBytes + WritableBytes + sizeBytes > uint.MaxValue)
        {
            return "a buffer of 4 GiB or more";
        }

        if (!_memory.Contains(gpa, sizeBytes, writable))
        {
            return "a descriptor outside guest memory";
        }

        if (_count == _segments.Length)
        {
            Array.Resize(ref _segments, _count * 2);
        }

        _segments[_count++] = new Segment(gpa, sizeBytes);
        if (writable)
        {
            WritableBytes += sizeBytes;
        }
        else
        {
            _readableCount++;
            ReadableBytes += sizeBytes;
        }

        return null;
    }

    internal readonly record struct Segment(ulong Gpa, uint SizeBytes);

    /// <summary>Walks over a range of one part of the chain, segment by segment.</summary>
    private struct Walk(DescriptorChain chain, bool writable, long offset, int sizeBytes)
    {
        private readonly int _end = writable ? chain._count : chain._readableCount;
        private int _index = writable ? chain._readableCount : 0;
        private long _offset = offset;
        private int _left = sizeBytes;

        public readonly bool IsComplete => _left == 0;

        public bool TryNext(out ulong gpa, out int length)
        {
            for (; _left > 0 && _index < _end; _index++)
            {
                var segment = chain._segments[_index];
                if (_offset < segment.SizeBytes)
                {
                    gpa = segment.Gpa + (ulong)_offset;
                    length = (int)Math.Min(_left, segment.SizeBytes - _offset);
                    _left -= length;
                    _offset = 0;
                    _index++;
                    return true;
                }

                _offset -= segment.SizeBytes;
            }

            gpa = 0;
            length = 0;
            return false;
        }
    }
}
