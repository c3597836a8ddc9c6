namespace Vivarium;

/// <summary>Queues bytes for a device and gives it as many as it takes, whenever it has room.</summary>
internal sealed class ConsoleInputStream : Stream
{
    private const int HighWaterBytes = 64 << 10;

    private readonly Lock _gate = new();
    private readonly Queue<ReadOnlyMemory<byte>> _pending = new();
    private IVmEventQueue? _events;
    private Func<ReadOnlyMemory<byte>, int>? _receive;
    private ReadOnlyMemory<byte> _head;
    private long _pendingBytes;
    private TaskCompletionSource? _drained;
    private bool _completed;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public void Connect(IVmEventQueue events, Func<ReadOnlyMemory<byte>, int> receive)
    {
        _events = events;
        _receive = receive;
    }

    /// <summary>Gives the device what it takes. Device lock held.</summary>
    public void Pump()
    {
        while (TryPeek(out var chunk))
        {
            var taken = _receive!(chunk);
            Consume(taken);
            if (taken < chunk.Length)
            {
                return;
            }
        }
    }

    public void Complete()
    {
        lock (_gate)
        {
            _completed = true;
            _pending.Clear();
            _head = default;
            _pendingBytes = 0;
            _drained?.TrySetResult();
        }
    }

    public override void Write(ReadOnlySpan<byte> buffer) => Enqueue(buffer.ToArray());

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Enqueue(buffer.ToArray()) is { } drained)
        {
            await drained.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Queues a chunk; returns what to wait for if too much is queued.</summary>
    private Task? Enqueue(byte[] chunk)
    {
        Task? wait = null;
        lock (_gate)
        {
            if (_completed || chunk.Length == 0)
            {
                return null;
            }

            _pending.Enqueue(chunk);
            _pendingBytes += chunk.Length;
            if (_pendingBytes > HighWaterBytes)
            {
                _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                wait = _drained.Task;
            }
        }

        _events?.Post(Pump);
        return wait;
    }

    private bool TryPeek(out ReadOnlyMemory<byte> chunk)
    {
        lock (_gate)
        {
            if (_head.IsEmpty && _pending.TryDequeue(out var next))
            {
                _head = next;
            }

            chunk = _head;
            return !chunk.IsEmpty && _receive is not null;
        }
    }

    private void Consume(int bytes)
    {
        lock (_gate)
        {
            // The stream may have been completed, and emptied, while the device took the bytes.
            bytes = Math.Min(bytes, _head.Length);
            _head = _head[bytes..];
            _pendingBytes -= bytes;
            if (_drained is not null && _pendingBytes <= HighWaterBytes / 2)
            {
                _drained.TrySetResult();
                _drained = null;
            }
        }
    }
}
