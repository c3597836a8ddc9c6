namespace Vivarium.Scheduling;

/// <summary>A machine whose vCPUs take turns on one thread. Any thread.</summary>
internal sealed class DeterministicMachine : IVmSchedule
{
    /// <summary>Timers fired in a row before an instruction is executed: a device may arm them in the past again and again.</summary>
    private const int MaxTimersInARow = 64;

    private readonly object _gate = new();
    private readonly List<DeterministicVcpu> _vcpus = [];
    private readonly DeterministicScheduler _scheduler;
    private readonly HostClock _hostClock = new(TimeProvider.System);
    private readonly Thread _thread;
    private VmShare _share;
    private DeterministicVcpu? _running;
    private bool _timersChanged;
    private bool _disposed;

    /// <summary>Whose turn it is, and what is left of its slice.</summary>
    private int _turn;
    private long _left;

    public DeterministicMachine(DeterministicScheduler scheduler, string name, VmShare share)
    {
        _scheduler = scheduler;
        _share = share;
        _left = scheduler.SliceInstructions;
        _thread = new Thread(Serve) { Name = $"{name} vCPUs", IsBackground = true };
        _thread.Start();
    }

    public VmShare Share
    {
        get => _share;
        set
        {
            ShareRules.Check(value);
            _share = value;
        }
    }

    /// <summary>Not while one is paused: were the others to go on, where that pause fell would matter.</summary>
    private bool CanRun => _vcpus.Count > 0 && _vcpus.TrueForAll(vcpu => vcpu.IsWanted);

    public IVcpuSchedule AddVcpu(IVcpu vcpu, IVcpuObserver observer)
    {
        ArgumentNullException.ThrowIfNull(vcpu);
        ArgumentNullException.ThrowIfNull(observer);
        if (vcpu is not IExactVcpu { HasExactBudget: true } exact)
        {
            throw new ArgumentException("A deterministic scheduler needs vCPUs with exact budgets; set X86CpuOptions.ExactBudget.", nameof(vcpu));
        }

        var added = new DeterministicVcpu(this, exact, observer);
        vcpu.Waker = added;
        lock (_gate)
        {
            _vcpus.Add(added);
        }

        return added;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _running?.Vcpu.RequestStop();
            Monitor.PulseAll(_gate);
        }

        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }

        _scheduler.Remove(this);
    }

    public VcpuUsage GetUsage(DeterministicVcpu vcpu)
    {
        lock (_gate)
        {
            // The guest is told of steal time, so it may not depend on the host.
            return new VcpuUsage(vcpu.GuestNs, 0, 0, vcpu.Instructions);
        }
    }

    public void Resume(DeterministicVcpu vcpu)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            vcpu.IsWanted = true;
            Monitor.PulseAll(_gate);
        }
    }

    public Task PauseAsync(DeterministicVcpu vcpu)
    {
        lock (_gate)
        {
            vcpu.IsWanted = false;
            if (_running is not { } running)
            {
                return Task.CompletedTask;
            }

            running.Vcpu.RequestStop();
            if (running != vcpu)
            {
                return Task.CompletedTask;
            }

            vcpu.Paused ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return vcpu.Paused.Task;
        }
    }

    /// <summary>Has the thread look again at what there is to do, if it waits.</summary>
    public void Look()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Has the slice end that runs, at the next instruction boundary, and the timers be looked at.</summary>
    public void OnTimersChanged()
    {
        lock (_gate)
        {
            _timersChanged = true;
            _running?.Vcpu.RequestStop();
            Monitor.PulseAll(_gate);
        }
    }

    private void Serve()
    {
        while (WaitForTurn(out var vcpu, out var budget))
        {
            VcpuExit exit = default;
            Exception? failure = null;
            var startNs = _hostClock.NowNs;
            _scheduler.Time.Enter(vcpu.Vcpu);
            try
            {
                exit = vcpu.Vcpu.Run(budget);
            }
            catch (Exception exception)
            {
                failure = exception;
            }

            _scheduler.Time.Leave();
            var stopped = failure is not null || exit.Reason is VcpuExitReason.Shutdown or VcpuExitReason.Debug;
            EndTurn(vcpu, exit, budget, stopped, _hostClock.NowNs - startNs);
            if (failure is not null)
            {
                vcpu.Observer.OnFailed(vcpu.Vcpu, failure);
            }
            else if (stopped)
            {
                vcpu.Observer.OnStopped(vcpu.Vcpu, exit);
            }
        }
    }

    /// <summary>Fires what is due and finds whose turn it is. False: the end.</summary>
    private bool WaitForTurn(out DeterministicVcpu vcpu, out long budget)
    {
        var untilTimerNs = long.MaxValue;
        var hasFired = false;
        while (true)
        {
            lock (_gate)
            {
                if (_disposed)
                {
                    vcpu = null!;
                    budget = 0;
                    return false;
                }

                if (!CanRun)
                {
                    Monitor.Wait(_gate);
                    continue;
                }

                if (hasFired && !_timersChanged)
                {
                    if (TakeTurn() is { } next)
                    {
                        _running = vcpu = next;
                        budget = Math.Min(_left, untilTimerNs);
                        return true;
                    }

                    if (untilTimerNs == long.MaxValue || !_scheduler.Time.TrySkip(untilTimerNs))
                    {
                        Monitor.Wait(_gate);
                    }
                }

                _timersChanged = false;
            }

            untilTimerNs = FireTimers();
            hasFired = true;
        }
    }

    /// <summary>Fires the timers and events that are due; returns how long there is until the next.</summary>
    private long FireTimers()
    {
        for (var i = 0; i < MaxTimersInARow; i++)
        {
            if (!_scheduler.Timers.RunOne(out var untilNextNs))
            {
                return untilNextNs;
            }
        }

        return 1;
    }

    /// <summary>The vCPU that goes on with its slice, or the next one that has work and begins another; null if none has.</summary>
    private DeterministicVcpu? TakeTurn()
    {
        for (var i = _left > 0 ? 0 : 1; i <= _vcpus.Count; i++)
        {
            var index = (_turn + i) % _vcpus.Count;
            if (!_vcpus[index].Vcpu.HasWork)
            {
                continue;
            }

            _left = i == 0 ? _left : _scheduler.SliceInstructions;
            _turn = index;
            return _vcpus[index];
        }

        return null;
    }

    private void EndTurn(DeterministicVcpu vcpu, VcpuExit exit, long budget, bool stopped, long hostNs)
    {
        TaskCompletionSource? paused;
        lock (_gate)
        {
            _running = null;
            _left -= exit.Instructions;
            if (exit.Reason == VcpuExitReason.Halted)
            {
                _left = 0;
            }
            else if (exit.Reason == VcpuExitReason.Budget && exit.Instructions < budget)
            {
                // It gets nowhere; time goes on as if it did. One that spins goes on too: how often it did so before depends on where runs were cut.
                _left -= budget - exit.Instructions;
                _scheduler.Time.TrySkip(budget - exit.Instructions);
            }

            vcpu.GuestNs += hostNs;
            vcpu.Instructions += exit.Instructions;
            vcpu.IsWanted &= !stopped;
            paused = vcpu.Paused;
            vcpu.Paused = null;
        }

        paused?.SetResult();
    }
}
