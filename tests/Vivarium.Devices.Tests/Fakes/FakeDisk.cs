namespace Vivarium.Devices.Tests.Fakes;

/// <summary>A disk in memory whose requests end at once, or when the test says so, or fail.</summary>
internal sealed class FakeDisk(int sizeBytes) : IBlockBackend
{
    private readonly List<(TaskCompletionSource Task, Action Action)> _held = [];

    public byte[] Bytes { get; } = new byte[sizeBytes];

    public List<string> Log { get; } = [];

    /// <summary>Whether requests wait for <see cref="ReleaseAll"/>.</summary>
    public bool Holds { get; set; }

    public bool Fails { get; set; }

    public int HeldCount => _held.Count;

    public long SizeBytes => sizeBytes;

    public int BlockSizeBytes => 512;

    public bool IsReadOnly { get; init; }

    public BlockCapabilities Capabilities => new(CanDiscard: true, CanWriteZeroes: true, CanResize: false, DiscardGranularityBytes: 512);

    public void ReleaseAll()
    {
        foreach (var (task, action) in _held.ToArray())
        {
            action();
            task.SetResult();
        }

        _held.Clear();
    }

    public ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default) => Do($"read {offsetBytes}", cancellationToken, () =>
    {
        foreach (var buffer in buffers)
        {
            Bytes.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer.Span);
            offsetBytes += buffer.Length;
        }
    });

    public ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default) => Do($"write {offsetBytes}", cancellationToken, () =>
    {
        foreach (var buffer in buffers)
        {
            buffer.Span.CopyTo(Bytes.AsSpan((int)offsetBytes));
            offsetBytes += buffer.Length;
        }
    });

    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => Do("flush", cancellationToken, () => { });

    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default) =>
        Do($"discard {offsetBytes} {lengthBytes}", cancellationToken, () => Bytes.AsSpan((int)offsetBytes, (int)lengthBytes).Clear());

    public ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default) =>
        Do($"zero {offsetBytes} {lengthBytes}", cancellationToken, () => Bytes.AsSpan((int)offsetBytes, (int)lengthBytes).Clear());

    public ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private ValueTask Do(string what, CancellationToken cancellationToken, Action action)
    {
        Log.Add(what);
        if (Fails)
        {
            throw new BlockIOException(BlockErrorKind.Failed, "The disk fails, as the test wants it.");
        }

        if (!Holds)
        {
            action();
            return ValueTask.CompletedTask;
        }

        var task = new TaskCompletionSource();
        cancellationToken.Register(() => task.TrySetCanceled(cancellationToken));
        _held.Add((task, action));
        return new ValueTask(task.Task);
    }
}
