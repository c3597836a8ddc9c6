namespace Vivarium.Storage.Tests;

/// <summary>
/// A file in memory that remembers what was written between flushes, so that a test can cut the power at any moment: what was flushed is
/// there, and of the rest any sectors, in any order. It can fail on demand too.
/// </summary>
internal sealed class RecordingFile(byte[] content) : IDiskFile
{
    private readonly List<Change> _changes = [];
    private byte[] _content = content;
    private long _length = content.Length;

    /// <summary>The content that a crash cannot take away.</summary>
    public byte[] Durable { get; private set; } = content[..];

    /// <summary>Decides whether a request fails: its name, offset and length.</summary>
    public Func<string, long, long, bool>? Fails { get; set; }

    /// <summary>Called at each change: a moment at which the power may go.</summary>
    public Action? Changed { get; set; }

    public bool IsReadOnly { get; init; }

    public long LengthBytes => _length;

    public int Pending => _changes.Count;

    public byte[] Content => _content[..(int)_length];

    /// <summary>What is there after a power cut: each changed sector with the given likelihood.</summary>
    public byte[] Crash(Random random, double likelihood)
    {
        lock (_changes)
        {
            return CrashNow(random, likelihood);
        }
    }

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken cancellationToken) => ReadAsync(offsetBytes, [buffer], cancellationToken);

    public async ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken)
    {
        await Task.Yield();
        MayFail("read", offsetBytes, Buffers.Length(buffers));
        lock (_changes)
        {
            foreach (var buffer in buffers)
            {
                var there = (int)Math.Clamp(_length - offsetBytes, 0, buffer.Length);
                buffer.Span.Clear();
                if (there > 0)
                {
                    _content.AsSpan((int)offsetBytes, there).CopyTo(buffer.Span);
                }

                offsetBytes += buffer.Length;
            }
        }
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken) => WriteAsync(offsetBytes, [buffer], cancellationToken);

    public async ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken)
    {
        await Task.Yield();
        var bytes = buffers.SelectMany(buffer => buffer.ToArray()).ToArray();
        MayFail("write", offsetBytes, bytes.Length);
        lock (_changes)
        {
            Apply(new Change(offsetBytes, bytes));
        }

        Changed?.Invoke();
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        MayFail("flush", 0, 0);
        lock (_changes)
        {
            _changes.Clear();
            Durable = Content;
        }

        Changed?.Invoke();
    }

    public ValueTask SetLengthAsync(long lengthBytes)
    {
        lock (_changes)
        {
            Reserve(lengthBytes);
            _length = lengthBytes;
            Durable = Content;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> TryPunchHoleAsync(long offsetBytes, long lengthBytes)
    {
        lock (_changes)
        {
            lengthBytes = Math.Min(lengthBytes, _length - offsetBytes);
            if (lengthBytes > 0)
            {
                Apply(new Change(offsetBytes, new byte[lengthBytes]));
            }
        }

        Changed?.Invoke();
        return new ValueTask<bool>(true);
    }

    public ValueTask<bool> TryZeroRangeAsync(long offsetBytes, long lengthBytes) => new(false);

    public (bool IsHole, long LengthBytes) FindExtent(long offsetBytes) => (false, _length - offsetBytes);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private byte[] CrashNow(Random random, double likelihood)
    {
        var image = Durable[..];
        foreach (var change in _changes)
        {
            for (var start = 0; start < change.Bytes.Length;)
            {
                var count = Math.Min(change.Bytes.Length - start, 512 - (int)((change.Offset + start) % 512));
                if (random.NextDouble() < likelihood)
                {
                    var end = (int)change.Offset + start + count;
                    if (image.Length < end)
                    {
                        Array.Resize(ref image, end);
                    }

                    change.Bytes.AsSpan(start, count).CopyTo(image.AsSpan(end - count));
                }

                start += count;
            }
        }

        return image;
    }

    private void Apply(Change change)
    {
        var end = change.Offset + change.Bytes.Length;
        Reserve(end);
        change.Bytes.CopyTo(_content.AsSpan((int)change.Offset));
        _length = Math.Max(_length, end);
        _changes.Add(change);
    }

    private void Reserve(long length)
    {
        if (_content.Length < length)
        {
            Array.Resize(ref _content, (int)Math.Max(length, _content.Length * 2L));
        }
    }

    private void MayFail(string request, long offset, long length)
    {
        if (Fails?.Invoke(request, offset, length) == true)
        {
            throw new BlockIOException(BlockErrorKind.Full, $"The test lets this {request} at {offset} fail.");
        }
    }

    private sealed record Change(long Offset, byte[] Bytes);
}
