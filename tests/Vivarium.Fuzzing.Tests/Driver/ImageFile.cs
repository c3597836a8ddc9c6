using Vivarium.Storage;

namespace Vivarium.Fuzzing.Tests;

/// <summary>An image in memory that answers at once, on the thread that asks, so that an input takes the same way each time. It grows up to a limit.</summary>
internal sealed class ImageFile(byte[] content, int lengthBytes) : IDiskFile
{
    private const int MaxBytes = 64 << 20;
    private byte[] _content = content;

    public bool IsReadOnly => false;

    public long LengthBytes { get; private set; } = lengthBytes;

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var there = (int)Math.Clamp(LengthBytes - offsetBytes, 0, buffer.Length);
        _content.AsSpan((int)Math.Min(offsetBytes, LengthBytes), there).CopyTo(buffer.Span);
        buffer.Span[there..].Clear();
        return ValueTask.CompletedTask;
    }

    public async ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken)
    {
        foreach (var buffer in buffers)
        {
            await ReadAsync(offsetBytes, buffer, cancellationToken);
            offsetBytes += buffer.Length;
        }
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        Reserve(offsetBytes + buffer.Length);
        buffer.Span.CopyTo(_content.AsSpan((int)offsetBytes));
        LengthBytes = Math.Max(LengthBytes, offsetBytes + buffer.Length);
        return ValueTask.CompletedTask;
    }

    public async ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken)
    {
        foreach (var buffer in buffers)
        {
            await WriteAsync(offsetBytes, buffer, cancellationToken);
            offsetBytes += buffer.Length;
        }
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask SetLengthAsync(long lengthBytes)
    {
        Reserve(lengthBytes);
        if (lengthBytes < LengthBytes)
        {
            _content.AsSpan((int)lengthBytes..(int)LengthBytes).Clear();
        }

        LengthBytes = lengthBytes;
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> TryPunchHoleAsync(long offsetBytes, long lengthBytes)
    {
        var end = Math.Min(offsetBytes + lengthBytes, LengthBytes);
        if (offsetBytes < end)
        {
            _content.AsSpan((int)offsetBytes..(int)end).Clear();
        }

        return new ValueTask<bool>(true);
    }

    public ValueTask<bool> TryZeroRangeAsync(long offsetBytes, long lengthBytes) => new(false);

    public (bool IsHole, long LengthBytes) FindExtent(long offsetBytes) => (false, LengthBytes - offsetBytes);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Reserve(long lengthBytes)
    {
        if (lengthBytes > MaxBytes)
        {
            throw new BlockIOException(BlockErrorKind.Full, $"The image may not grow to {lengthBytes} bytes.");
        }

        if (_content.Length < lengthBytes)
        {
            Array.Resize(ref _content, (int)Math.Max(lengthBytes, _content.Length * 2L));
        }
    }
}
