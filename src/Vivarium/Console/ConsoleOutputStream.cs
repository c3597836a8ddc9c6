namespace Vivarium;

/// <summary>A bounded buffer that a device fills without ever waiting and a reader empties.</summary>
internal sealed class ConsoleOutputStream : Stream
{
    private const int CapacityBytes = 1 << 20;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _available = new(0, 1);
    private byte[] _ring = new byte[4096];
    private int _start;
    private int _count;
    private bool _completed;

    public long DroppedBytes { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            if (data.Length > CapacityBytes)
            {
                DroppedBytes += data.Length - CapacityBytes;
                data = data[^CapacityBytes..];
            }

            MakeRoom(data.Length);
            var end = (_start + _count) % _ring.Length;
            var first = Math.Min(data.Length, _ring.Length - end);
            data[..first].CopyTo(_ring.AsSpan(end));
            data[first..].CopyTo(_ring);
            _count += data.Length;
            Signal();
        }
    }

    public void Complete()
    {
        lock (_gate)
        {
            _completed = true;
            Signal();
        }
    }

    public override int Read(Span<byte> buffer)
    {
        int count;
        while (!TryTake(buffer, out count))
        {
            _available.Wait();
        }

        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count;
        while (!TryTake(buffer.Span, out count))
        {
            await _available.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private bool TryTake(Span<byte> buffer, out int count)
    {
        lock (_gate)
        {
            count = Math.Min(buffer.Length, _count);
            if (count == 0)
            {
                return _completed || buffer.IsEmpty;
            }

            var first = Math.Min(count, _ring.Length - _start);
            _ring.AsSpan(_start, first).CopyTo(buffer);
            _ring.AsSpan(0, count - first).CopyTo(buffer[first..]);
            _start = (_start + count) % _ring.Length;
            _count -= count;
            return true;
        }
    }

    private void MakeRoom(int bytes)
    {
        if (_count + bytes > _ring.Length && _ring.Length < CapacityBytes)
        {
            var larger = new byte[(int)Math.Min(CapacityBytes, Math.Max(_ring.Length * 2L, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(_count + bytes))))];
            var kept = _count;
            TryTake(larger, out _);
            _ring = larger;
            _start = 0;
            _count = kept;
        }

        var excess = _count + bytes - _ring.Length;
        if (excess > 0)
        {
            _start = (_start + excess) % _ring.Length;
            _count -= excess;
            DroppedBytes += excess;
        }
    }

    private void Signal()
    {
        if (_available.CurrentCount == 0)
        {
            _available.Release();
        }
    }
}
