namespace Vivarium.Scheduling.Tests;

/// <summary>A host clock that moves only when told.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long _nowNs = 1_000_000_000_000;

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp() => Volatile.Read(ref _nowNs);

    public void Advance(long ns) => Interlocked.Add(ref _nowNs, ns);
}

/// <summary>A vCPU that claims to execute one instruction a nanosecond of manual time, or as its script says.</summary>
internal sealed class FakeVcpu(int index, ManualTime? time = null) : IVcpu
{
    private int _inside;
    private int _work = 1;
    private volatile bool _stop;

    public int Index { get; } = index;

    public IVcpuWaker? Waker { get; set; }

    /// <summary>What a run ends with; gets the budget.</summary>
    public Func<long, VcpuExit>? Script { get; set; }

    public long Runs { get; private set; }

    public bool HasWork => Volatile.Read(ref _work) != 0;

    public bool IsInside => Volatile.Read(ref _inside) != 0;

    public int Overlaps { get; private set; }

    public VcpuExit Run(long instructionBudget)
    {
        if (Interlocked.Exchange(ref _inside, 1) != 0)
        {
            Overlaps++;
        }

        try
        {
            Runs++;
            if (_stop)
            {
                _stop = false;
                return new VcpuExit(VcpuExitReason.Stopped, 0);
            }

            if (Script is not null)
            {
                return Script(instructionBudget);
            }

            time?.Advance(instructionBudget);
            return new VcpuExit(VcpuExitReason.Budget, instructionBudget);
        }
        finally
        {
            Volatile.Write(ref _inside, 0);
        }
    }

    public void RequestStop() => _stop = true;

    public bool TakeStop()
    {
        // Cleared only if it was seen: a request between the two is kept.
        if (!_stop)
        {
            return false;
        }

        _stop = false;
        return true;
    }

    /// <summary>Takes one unit of work; false if there is none.</summary>
    public bool TryTakeWork()
    {
        int work;
        do
        {
            work = Volatile.Read(ref _work);
        }
        while (work > 0 && Interlocked.CompareExchange(ref _work, work - 1, work) != work);
        return work > 0;
    }

    public void AddWork()
    {
        Interlocked.Increment(ref _work);
        Waker?.Wake();
    }
}

/// <summary>Remembers what it heard.</summary>
internal sealed class RecordingObserver : IVcpuObserver
{
    public TaskCompletionSource<VcpuExit> Stopped { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource<Exception> Failed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void OnStopped(IVcpu vcpu, VcpuExit exit) => Stopped.TrySetResult(exit);

    public void OnFailed(IVcpu vcpu, Exception exception) => Failed.TrySetResult(exception);
}
