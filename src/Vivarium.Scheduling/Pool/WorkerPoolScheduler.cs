namespace Vivarium.Scheduling;

/// <summary>
/// Runs any number of vCPUs on a few worker threads. Machines share the workers by weight (<see cref="FairQueue"/>), within their caps and
/// with their reservations first (<see cref="BandwidthLimit"/>); all can be changed live. A worker is lent for about a millisecond, sized by
/// each vCPU's measured speed; a halted vCPU costs nothing. Any thread.
/// </summary>
public sealed partial class WorkerPoolScheduler : IVcpuScheduler
{
    private const long SliceNs = 1_000_000;

    private readonly object _gate = new();
    private readonly FairQueue _queue = new(SliceNs);
    private readonly List<PooledMachine> _machines = [];
    private readonly PooledVcpu?[] _running;
    private readonly Thread[] _workers;
    private readonly HostClock _clock;
    private int _idleWorkers;
    private bool _disposed;

    /// <summary>Starts the workers.</summary>
    /// <param name="workerCount">How many threads, 1 to 4,096. Default: one for each of the host's cores.</param>
    /// <param name="timeProvider">The host's clock. Default <see cref="TimeProvider.System"/>.</param>
    public WorkerPoolScheduler(int? workerCount = null, TimeProvider? timeProvider = null)
    {
        var count = workerCount ?? Environment.ProcessorCount;
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1, nameof(workerCount));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 4096, nameof(workerCount));
        _clock = new HostClock(timeProvider ?? TimeProvider.System);
        _running = new PooledVcpu?[count];
        _workers = new Thread[count];
        for (var i = 0; i < count; i++)
        {
            var index = i;
            _workers[i] = new Thread(() => Work(index)) { Name = $"Vivarium worker {i}", IsBackground = true };
            _workers[i].Start();
        }
    }

    /// <summary>How many worker threads there are.</summary>
    public int WorkerCount => _workers.Length;

    /// <inheritdoc/>
    public IVmSchedule AddMachine(string name, VmShare share)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ShareRules.Check(share);
        var machine = new PooledMachine(this, name, share);
        machine.Limit.Set(share);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _machines.Add(machine);
        }

        return machine;
    }

    /// <summary>Stops all vCPUs and ends the workers.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var vcpu in _running)
            {
                vcpu?.Vcpu.RequestStop();
            }

            Monitor.PulseAll(_gate);
        }

        foreach (var worker in _workers.Where(worker => worker != Thread.CurrentThread))
        {
            worker.Join();
        }
    }

    internal PooledVcpu AddVcpu(PooledMachine machine, IVcpu vcpu, IVcpuObserver observer)
    {
        var pooled = new PooledVcpu(this, machine, vcpu, observer);
        vcpu.Waker = pooled;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            pooled.Enter(PooledState.Paused, _clock.NowNs);
            machine.Vcpus.Add(pooled);
        }

        return pooled;
    }

    internal void Remove(PooledMachine machine)
    {
        lock (_gate)
        {
            foreach (var vcpu in machine.Vcpus)
            {
                PauseLocked(vcpu);
            }

            _machines.Remove(machine);
        }
    }

    internal void ChangeShare(PooledMachine machine, VmShare share)
    {
        lock (_gate)
        {
            _queue.SetWeight(machine, share.Weight);
            machine.Limit.Set(share);
            UpdateCompetition(machine, _clock.NowNs);
            Monitor.PulseAll(_gate);
        }
    }

    internal VcpuUsage GetUsage(PooledVcpu vcpu)
    {
        lock (_gate)
        {
            return vcpu.UsageAt(_clock.NowNs);
        }
    }

    internal void Resume(PooledVcpu vcpu)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            vcpu.IsWanted = true;
            if (vcpu.State == PooledState.Paused)
            {
                Enqueue(vcpu);
            }
        }
    }

    internal Task PauseAsync(PooledVcpu vcpu)
    {
        lock (_gate)
        {
            return PauseLocked(vcpu);
        }
    }

    internal void Wake(PooledVcpu vcpu)
    {
        lock (_gate)
        {
            if (vcpu.State == PooledState.Parked)
            {
                Enqueue(vcpu);
            }
        }
    }

    private Task PauseLocked(PooledVcpu vcpu)
    {
        vcpu.IsWanted = false;
        if (vcpu.State == PooledState.Running)
        {
            vcpu.Paused ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            vcpu.Vcpu.RequestStop();
            return vcpu.Paused.Task;
        }

        vcpu.Machine.Waiting.Remove(vcpu);
        var nowNs = _clock.NowNs;
        vcpu.Enter(PooledState.Paused, nowNs);
        UpdateCompetition(vcpu.Machine, nowNs);
        return Task.CompletedTask;
    }

    /// <summary>Puts a vCPU at the end of its machine's line, and finds it a worker: an idle one, or one that runs a machine with less claim.</summary>
    private void Enqueue(PooledVcpu vcpu)
    {
        var nowNs = _clock.NowNs;
        var machine = vcpu.Machine;
        vcpu.Enter(PooledState.Queued, nowNs);
        machine.Waiting.Add(vcpu);
        UpdateCompetition(machine, nowNs);
        if (_idleWorkers > 0)
        {
            Monitor.Pulse(_gate);
        }
        else if (!machine.IsThrottled)
        {
            PreemptFor(machine);
        }
    }

    private void PreemptFor(PooledMachine machine)
    {
        PooledVcpu? victim = null;
        foreach (var candidate in _running)
        {
            if (candidate is not null && (victim is null || IsBefore(victim.Machine, candidate.Machine)))
            {
                victim = candidate;
            }
        }

        if (victim is not null && victim.Machine != machine && IsBefore(machine, victim.Machine))
        {
            victim.Vcpu.RequestStop();
        }
    }
}
