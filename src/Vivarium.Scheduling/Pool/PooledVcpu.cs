namespace Vivarium.Scheduling;

/// <summary>One vCPU on a worker pool. All fields are guarded by the pool's gate, but for <see cref="_state"/>, which <see cref="Wake"/> looks at.</summary>
internal sealed class PooledVcpu(WorkerPoolScheduler pool, PooledMachine machine, IVcpu vcpu, IVcpuObserver observer) : IVcpuSchedule, IVcpuWaker
{
    /// <summary>Where the estimate of speed begins: 200 instructions a microsecond.</summary>
    private const double InitialInstructionsPerNs = 0.2;

    private const int PartsOfSlice = 4;

    private double _instructionsPerNs = InitialInstructionsPerNs;
    private volatile PooledState _state = PooledState.Paused;
    private long _guestNs;
    private long _stealNs;
    private long _idleNs;
    private long _instructions;
    private long _sinceNs;

    public PooledMachine Machine { get; } = machine;

    public IVcpu Vcpu { get; } = vcpu;

    public IVcpuObserver Observer { get; } = observer;

    public PooledState State => _state;

    /// <summary>Whether it may run, as far as <see cref="Resume"/> and <see cref="PauseAsync"/> go.</summary>
    public bool IsWanted { get; set; }

    /// <summary>Waits for the vCPU to be outside of <see cref="IVcpu.Run"/>; null if nobody does.</summary>
    public TaskCompletionSource? Paused { get; set; }

    public VcpuUsage Usage => pool.GetUsage(this);

    public void Resume() => pool.Resume(this);

    public Task PauseAsync() => pool.PauseAsync(this);

    public void Wake()
    {
        // Pairs with the fence of WorkerPoolScheduler.Park: either we see the vCPU parked, or it sees the work that this call is about.
        Interlocked.MemoryBarrier();
        if (_state == PooledState.Parked)
        {
            pool.Wake(this);
        }
    }

    /// <summary>Changes the state and books the time spent in the last one.</summary>
    public void Enter(PooledState state, long nowNs)
    {
        var spentNs = SpentNs(nowNs);
        switch (_state)
        {
            case PooledState.Queued:
                _stealNs += spentNs;
                break;
            case PooledState.Parked:
                _idleNs += spentNs;
                break;
            case PooledState.Running:
                _guestNs += spentNs;
                break;
        }

        _sinceNs = nowNs;
        _state = state;
    }

    /// <summary>How long it has been in its present state.</summary>
    public long SpentNs(long nowNs) => nowNs - _sinceNs;

    /// <summary>Books instructions.</summary>
    public void Completed(long instructions) => _instructions += instructions;

    /// <summary>
    /// Lends the calling thread for about <paramref name="sliceNs"/>, in parts: the budget is in instructions, and a guest that begins to
    /// clear memory takes much longer for each. Without the pool's gate; nobody else runs this vCPU.
    /// </summary>
    public VcpuExit RunSlice(HostClock clock, long sliceNs)
    {
        var startNs = clock.NowNs;
        var nowNs = startNs;
        var instructions = 0L;
        while (true)
        {
            var partNs = Math.Max(sliceNs / PartsOfSlice, 1);
            var exit = Vcpu.Run(Math.Clamp((long)(_instructionsPerNs * partNs), 1_000, 1_000_000_000));
            var ranNs = -nowNs + (nowNs = clock.NowNs);
            instructions += exit.Instructions;
            if (ranNs > 1_000 && exit.Instructions > 0)
            {
                _instructionsPerNs = (0.75 * _instructionsPerNs) + (0.25 * exit.Instructions / ranNs);
            }

            if (exit.Reason != VcpuExitReason.Budget || nowNs - startNs > sliceNs - (partNs / 2))
            {
                return exit with { Instructions = instructions };
            }
        }
    }

    public VcpuUsage UsageAt(long nowNs)
    {
        var spentNs = SpentNs(nowNs);
        return new VcpuUsage(
            _guestNs + (_state == PooledState.Running ? spentNs : 0),
            _stealNs + (_state == PooledState.Queued ? spentNs : 0),
            _idleNs + (_state == PooledState.Parked ? spentNs : 0),
            _instructions);
    }
}

/// <summary>What a pooled vCPU is doing.</summary>
internal enum PooledState
{
    /// <summary>Not to be run.</summary>
    Paused,

    /// <summary>Waits for a worker.</summary>
    Queued,

    /// <summary>A worker is inside <see cref="IVcpu.Run"/>.</summary>
    Running,

    /// <summary>Halted.</summary>
    Parked,
}
