using System.Collections.Concurrent;

namespace Vivarium.Devices;

/// <summary>
/// Carries out the jobs of a disk controller: what the back end finishes at once is over in the call, the rest comes back through the machine's
/// event queue. A pause waits for what the host has begun and forgets all jobs; the controller begins them again from what it has of its own.
/// </summary>
/// <param name="memory">Guest memory.</param>
/// <param name="events">The machine's event queue.</param>
internal sealed class BlockJobRunner(IGuestMemory memory, IVmEventQueue events)
{
    /// <summary>A job of more bytes takes several steps, so that what it takes of the host's memory is bounded.</summary>
    private const int StepBytes = 256 << 10;

    private readonly Stack<BlockJob> _free = new();
    private readonly HashSet<BlockJob> _active = [];
    private readonly ConcurrentQueue<BlockJob> _completed = new();
    private readonly object _hostGate = new();
    private CancellationTokenSource _cancellation = new();
    private int _onHost;
    private int _takePosted;

    /// <summary>An empty job.</summary>
    public BlockJob Rent() => _free.TryPop(out var job) ? job : new BlockJob(this);

    /// <summary>Takes back a job that was not begun.</summary>
    public void Return(BlockJob job)
    {
        job.Clear();
        _free.Push(job);
    }

    /// <summary>Begins a job, which may be over when this returns. Device lock held.</summary>
    public void Begin(BlockJob job)
    {
        _active.Add(job);
        Run(job);
    }

    /// <summary>Forgets the jobs that a controller no longer waits for; what the host has begun ends without anybody hearing of it. Device lock held.</summary>
    public void Abandon(Predicate<BlockJob> which)
    {
        foreach (var job in _active)
        {
            job.IsAbandoned |= which(job);
        }
    }

    /// <summary>The machine goes on.</summary>
    public void Start()
    {
        if (_cancellation.IsCancellationRequested)
        {
            _cancellation = new CancellationTokenSource();
        }
    }

    /// <summary>The machine pauses: waits for the host, then completes what was over, and forgets the rest.</summary>
    public void Stop()
    {
        _cancellation.Cancel();
        lock (_hostGate)
        {
            while (_onHost > 0)
            {
                Monitor.Wait(_hostGate);
            }
        }

        TakeCompleted();
        foreach (var job in _active.ToArray())
        {
            Release(job);
        }
    }

    /// <summary>The host's thread: a step is over.</summary>
    public void OnStepCompleted(BlockJob job)
    {
        _completed.Enqueue(job);
        if (Interlocked.Exchange(ref _takePosted, 1) == 0)
        {
            events.Post(TakeCompleted);
        }

        lock (_hostGate)
        {
            if (--_onHost == 0)
            {
                Monitor.PulseAll(_hostGate);
            }
        }
    }

    private void TakeCompleted()
    {
        Volatile.Write(ref _takePosted, 0);
        while (_completed.TryDequeue(out var job))
        {
            if (job.IsAbandoned)
            {
                Release(job);
            }
            else if (job.Failure is not OperationCanceledException || !_cancellation.IsCancellationRequested)
            {
                if (job.EndStep(memory) is { } result)
                {
                    Finish(job, result);
                }
                else
                {
                    Run(job);
                }
            }
        }
    }

    private void Run(BlockJob job)
    {
        while (!_cancellation.IsCancellationRequested)
        {
            if (job.IsOver || !job.PrepareStep(memory, StepBytes))
            {
                Finish(job, job.IsOver ? BlockJobResult.Ok : BlockJobResult.BadBuffer);
                return;
            }

            try
            {
                var step = job.BeginStep(_cancellation.Token);
                if (!step.IsCompleted)
                {
                    lock (_hostGate)
                    {
                        _onHost++;
                    }

                    job.Await(step);
                    return;
                }

                step.GetAwaiter().GetResult();
            }
            catch (Exception exception)
            {
                job.Fail(exception);
            }

            if (job.EndStep(memory) is { } result)
            {
                Finish(job, result);
                return;
            }
        }
    }

    private void Finish(BlockJob job, BlockJobResult result)
    {
        var completed = job.Completed;
        _active.Remove(job);
        completed(job, result);
        job.Clear();
        _free.Push(job);
    }

    private void Release(BlockJob job) => Finish(job, BlockJobResult.Abandoned);
}
