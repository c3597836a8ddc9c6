namespace Vivarium.Virtio;

/// <summary>
/// Bytes on their way between a device and the host program, never more than a capacity. Either end can wait or not. Any thread; one reader and one
/// writer at a time. The callbacks are called on the thread of whoever caused them, without a lock of the pipe.
/// </summary>
/// <param name="capacityBytes">The most bytes it holds; memory is taken as it is needed.</param>
internal sealed class BytePipe(int capacityBytes)
{
    private const int FirstBytes = 4096;

    private readonly Lock _gate = new();
    private byte[] _ring = [];
    private int _start;
    private int _count;
    private bool _isComplete;
    private Exception? _failure;
    private TaskCompletionSource? _reader;
    private TaskCompletionSource? _writer;

    /// <summary>Bytes were taken out, so that there is room.</summary>
    public Action? OnRead { get; set; }

    /// <summary>Bytes were put in, or the end.</summary>
    public Action? OnWritten { get; set; }

    public int Capacity => capacityBytes;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    /// <summary>Whether the writer has ended and all was read.</summary>
    public bool IsDrained
    {
        get
        {
            lock (_gate)
            {
                return _isComplete && _count == 0;
            }
        }
    }

    /// <summary>Puts in what fits; how much that was. Nothing once it is complete.</summary>
    public int TryWrite(ReadOnlySpan<byte> data)
    {
        int taken;
        lock (_gate)
        {
            taken = _isComplete ? 0 : Math.Min(data.Length, capacityBytes - _count);
            Put(data[..taken]);
        }

        if (taken > 0)
        {
            Wake(ref _reader);
            OnWritten?.Invoke();
        }

        return taken;
    }

    /// <summary>Puts all in; the oldest goes where there is no room. How much was lost.</summary>
    public int Overwrite(ReadOnlySpan<byte> data)
    {
        int lost;
        lock (_gate)
        {
            lost = Math.Max(0, data.Length - capacityBytes);
            data = data[lost..];
            var excess = Math.Max(0, _count + data.Length - capacityBytes);
            Drop(excess);
            lost += excess;
            Put(_isComplete ? default : data);
        }

        Wake(ref _reader);
        OnWritten?.Invoke();
        return lost;
    }

    /// <summary>Takes out what is there; how much that was.</summary>
    /// <exception cref="IOException">The other end has failed.</exception>
    public int TryRead(Span<byte> destination)
    {
        int taken;
        lock (_gate)
        {
            if (_failure is not null)
            {
                throw new IOException(_failure.Message, _failure);
            }

            taken = Peek(destination);
            Drop(taken);
        }

        if (taken > 0)
        {
            Wake(ref _writer);
            OnRead?.Invoke();
        }

        return taken;
    }

    /// <summary>Takes out what is there, waiting for something; 0 at the end.</summary>
    /// <exception cref="IOException">The other end has failed.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (true)
        {
            var taken = TryRead(destination.Span);
            Task wait;
            lock (_gate)
            {
                if (taken > 0 || destination.IsEmpty || (_isComplete && _count == 0 && _failure is null))
                {
                    return taken;
                }

                if (_count > 0 || _failure is not null)
                {
                    continue;
                }

                wait = (_reader ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Puts all in, waiting for room.</summary>
    /// <exception cref="IOException">The other end has failed or takes no more.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (!data.IsEmpty)
        {
            data = data[TryWrite(data.Span)..];
            Task wait;
            lock (_gate)
            {
                if (_isComplete)
                {
                    throw new IOException(_failure?.Message ?? "The other end takes no more.", _failure);
                }

                if (data.IsEmpty || _count < capacityBytes)
                {
                    continue;
                }

                wait = (_writer ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>No more comes. With a failure, what is in it is lost.</summary>
    public void Complete(Exception? failure = null)
    {
        lock (_gate)
        {
            if (failure is not null)
            {
                _failure ??= failure;
                Drop(_count);
            }

            _isComplete = true;
        }

        Wake(ref _reader);
        Wake(ref _writer);
        OnWritten?.Invoke();
    }

    private int Peek(Span<byte> destination)
    {
        var count = Math.Min(destination.Length, _count);
        var first = Math.Min(count, _ring.Length - _start);
        _ring.AsSpan(_start, first).CopyTo(destination);
        _ring.AsSpan(0, count - first).CopyTo(destination[first..]);
        return count;
    }

    private void Drop(int count)
    {
        _start = _ring.Length == 0 ? 0 : (_start + count) % _ring.Length;
        _count -= count;
    }

    private void Put(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return;
        }

        if (_count + data.Length > _ring.Length)
        {
            var size = Math.Max(FirstBytes, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(_count + data.Length)));
            var larger = new byte[(int)Math.Min(size, Math.Max(capacityBytes, _count + data.Length))];
            Peek(larger);
            _ring = larger;
            _start = 0;
        }

        var end = (_start + _count) % _ring.Length;
        var first = Math.Min(data.Length, _ring.Length - end);
        data[..first].CopyTo(_ring.AsSpan(end));
        data[first..].CopyTo(_ring);
        _count += data.Length;
    }

    private void Wake(ref TaskCompletionSource? waiter)
    {
        TaskCompletionSource? woken;
        lock (_gate)
        {
            woken = waiter;
            waiter = null;
        }

        woken?.TrySetResult();
    }
}
