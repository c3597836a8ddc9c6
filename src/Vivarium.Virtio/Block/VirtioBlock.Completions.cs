namespace Vivarium.Virtio;

/// <content>What comes back from the host; requests set aside during a pause; resizing.</content>
public sealed partial class VirtioBlock
{
    private readonly List<BlockRequest> _suspended = [];
    private readonly SemaphoreSlim _resizing = new(1, 1);

    /// <summary>Set while a resize waits for requests that came before it.</summary>
    private TaskCompletionSource? _resize;
    private int _epoch;
    private int _older;

    /// <summary>
    /// Changes the size of the back end and tells the guest. Making it smaller first shows the guest the smaller disk and waits for requests
    /// in flight; both need the machine to run. Any thread, without the device lock.
    /// </summary>
    /// <exception cref="BlockIOException">The back end cannot have that size; the guest then sees the size that it has.</exception>
    public async Task ResizeAsync(long newSizeBytes, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(newSizeBytes);
        await _resizing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (newSizeBytes < _backend.SizeBytes)
            {
                var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                Services.Events.Post(() => BeginShrink(newSizeBytes, drained));
                await drained.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            await _backend.ResizeAsync(newSizeBytes, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            var shown = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Services.Events.Post(() => EndResize(shown));
            await shown.Task.ConfigureAwait(false);
            _resizing.Release();
        }
    }

    private void BeginShrink(long sizeBytes, TaskCompletionSource drained)
    {
        ShowCapacity(sizeBytes);
        AnnounceConfiguration();
        _epoch++;
        _older = _active.Count;
        _resize = drained;
        if (_older == 0)
        {
            ReleaseOlder();
        }
    }

    private void EndResize(TaskCompletionSource shown)
    {
        _resize = null;
        if (RoundDown(_backend.SizeBytes) != CapacityBytes)
        {
            ShowCapacity(_backend.SizeBytes);
            AnnounceConfiguration();
        }

        shown.TrySetResult();
    }

    private void OnOlderFinished()
    {
        if (--_older == 0)
        {
            ReleaseOlder();
        }
    }

    private void ReleaseOlder()
    {
        _older = 0;
        _resize?.TrySetResult();
    }

    /// <summary>Goes on with requests whose step is over. Device lock held; on the event queue's thread, mostly.</summary>
    private void TakeCompleted()
    {
        Volatile.Write(ref _takePosted, 0);

        // While memory may not be used they wait, but not for ever: a pause or a reset sets them aside.
        if (!CanUseMemory && !_cancellation.IsCancellationRequested)
        {
            return;
        }

        while (_completed.TryDequeue(out var request))
        {
            if (!CanUseMemory || (request.Failure is OperationCanceledException && _cancellation.IsCancellationRequested))
            {
                SetAside(request);
            }
            else if (request.Failure is not null)
            {
                Fail(request);
            }
            else
            {
                Run(request);
            }
        }

        foreach (var queue in Queues)
        {
            queue.SignalDriver();
        }

        OnWorkEnded();
    }

    /// <summary>A request that was cancelled: begun again after a pause, forgotten after a reset.</summary>
    private void SetAside(BlockRequest request)
    {
        if (_isStopping && IsDriverReady)
        {
            _suspended.Add(request);
        }
        else
        {
            _active.Remove(request);
            request.Release();
            if (request.Epoch != _epoch)
            {
                OnOlderFinished();
            }
        }
    }

    private void ResumeSuspended()
    {
        if (_suspended.Count == 0 || !CanUseMemory || !IsDriverReady)
        {
            return;
        }

        BlockRequest[] requests = [.. _suspended];
        _suspended.Clear();
        foreach (var request in requests)
        {
            request.Rewind();
            Launch(request);
        }

        foreach (var queue in Queues)
        {
            queue.SignalDriver();
        }
    }
}
