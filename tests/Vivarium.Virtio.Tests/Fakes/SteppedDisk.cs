namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>A disk over another whose requests wait until the test lets them go, or makes them fail.</summary>
internal sealed class SteppedDisk(IBlockBackend disk) : IBlockBackend
{
    private readonly Lock _gate = new();
    private readonly List<(Func<ValueTask> Run, TaskCompletionSource Done)> _waiting = [];

    public bool Waits { get; set; } = true;

    /// <summary>What requests fail with from now on.</summary>
    public Exception? Failure { get; set; }

    public List<string> Calls { get; } = [];

    public int WaitingCount
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    public long SizeBytes => disk.SizeBytes;

    public int BlockSizeBytes => disk.BlockSizeBytes;

    public bool IsReadOnly => disk.IsReadOnly;

    public BlockCapabilities Capabilities => disk.Capabilities;

    /// <summary>Lets one request go, on a thread of the pool.</summary>
    public void Release(int place = 0)
    {
        (Func<ValueTask> Run, TaskCompletionSource Done) request;
        lock (_gate)
        {
            request = _waiting[place];
            _waiting.RemoveAt(place);
        }

        _ = CarryOutAsync(request.Run, request.Done);
    }

    public ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default) =>
        Call("read", () => disk.ReadAsync(offsetBytes, buffers, CancellationToken.None), cancellationToken);

    public ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default) =>
        Call("write", () => disk.WriteAsync(offsetBytes, buffers, CancellationToken.None), cancellationToken);

    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => Call("flush", () => disk.FlushAsync(CancellationToken.None), cancellationToken);

    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken = default) =>
        Call("discard", () => disk.DiscardAsync(offsetBytes, lengthBytes, CancellationToken.None), cancellationToken);

    public ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool mayUnmap, CancellationToken cancellationToken = default) =>
        Call(mayUnmap ? "zero+unmap" : "zero", () => disk.WriteZeroesAsync(offsetBytes, lengthBytes, mayUnmap, CancellationToken.None), cancellationToken);

    public ValueTask ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default) => disk.ResizeAsync(newSizeBytes, CancellationToken.None);

    public ValueTask DisposeAsync() => disk.DisposeAsync();

    private static async Task CarryOutAsync(Func<ValueTask> run, TaskCompletionSource done)
    {
        try
        {
            await Task.Yield();
            await run().ConfigureAwait(false);
            done.TrySetResult();
        }
        catch (Exception exception)
        {
            done.TrySetException(exception);
        }
    }

    private ValueTask Call(string name, Func<ValueTask> run, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            Calls.Add(name);
            Func<ValueTask> wrapped = Failure is { } failure ? () => ValueTask.FromException(failure) : run;
            if (!Waits)
            {
                return wrapped();
            }

            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((wrapped, done));
            cancellationToken.Register(() =>
            {
                lock (_gate)
                {
                    _waiting.RemoveAll(each => each.Done == done);
                }

                done.TrySetCanceled(cancellationToken);
            });
            return new ValueTask(done.Task);
        }
    }
}
