namespace Vivarium.Scheduling;

/// <summary>One vCPU with a thread of its own, which sleeps while the vCPU is paused or halted.</summary>
internal sealed class VcpuThread : IVcpuSchedule, IVcpuWaker, IDisposable
{
    /// <summary>Bounds only how old the counters of <see cref="Usage"/> may be: stops and wake-ups do not wait for it.</summary>
    private const long BudgetInstructions = 20_000_000;

    private readonly object _gate = new();
    private readonly IVcpu _vcpu;
    private readonly IVcpuObserver _observer;
    private readonly HostClock _clock;
    private readonly Thread _thread;

    /// <summary>Waits for the vCPU to be outside of <see cref="IVcpu.Run"/>; null if nobody does.</summary>
    private TaskCompletionSource? _paused;
    private bool _wanted;
    private bool _inside;
    private bool _disposed;
    private volatile bool _halted;

    private long _guestNs;
    private long _idleNs;
    private long _instructions;

    /// <summary>When the present run or halt began.</summary>
    private long _sinceNs;

    public VcpuThread(IVcpu vcpu, IVcpuObserver observer, HostClock clock, string name)
    {
        _vcpu = vcpu;
        _observer = observer;
        _clock = clock;
        _vcpu.Waker = this;
        _thread = new Thread(Serve) { Name = name, IsBackground = true };
        _thread.Start();
    }

    public VcpuUsage Usage
    {
        get
        {
            lock (_gate)
            {
                var running = _clock.NowNs - _sinceNs;
                return new VcpuUsage(
                    _guestNs + (_inside ? running : 0),
                    0,
                    _idleNs + (_halted ? running : 0),
                    _instructions);
            }
        }
    }

    public void Resume()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _wanted = true;
            Monitor.PulseAll(_gate);
        }
    }

    public Task PauseAsync()
    {
        lock (_gate)
        {
            _wanted = false;
            if (!_inside)
            {
                Monitor.PulseAll(_gate);
                return Task.CompletedTask;
            }

            _paused ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _vcpu.RequestStop();
            return _paused.Task;
        }
    }

    public void Wake()
    {
        // Pairs with the fence of WaitHalted: either we see the vCPU halted, or it sees the work that this call is about.
        Interlocked.MemoryBarrier();
        if (_halted)
        {
            lock (_gate)
            {
                EndHalt();
                Monitor.PulseAll(_gate);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _wanted = false;
            _disposed = true;
            if (_inside)
            {
                _vcpu.RequestStop();
            }

            Monitor.PulseAll(_gate);
        }

        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }
    }

    private void Serve()
    {
        while (WaitUntilWanted())
        {
            VcpuExit exit = default;
            Exception? failure = null;
            try
            {
                exit = _vcpu.Run(BudgetInstructions);
            }
            catch (Exception exception)
            {
                failure = exception;
            }

            var stopped = failure is not null || exit.Reason is VcpuExitReason.Shutdown or VcpuExitReason.Debug;
            Leave(exit.Instructions, stopped);
            if (failure is not null)
            {
                _observer.OnFailed(_vcpu, failure);
            }
            else if (stopped)
            {
                _observer.OnStopped(_vcpu, exit);
            }
            else if (exit.Reason == VcpuExitReason.Halted)
            {
                WaitHalted();
            }
            else if (exit.Reason == VcpuExitReason.Spinning)
            {
                Thread.Yield();
            }
        }
    }

    private bool WaitUntilWanted()
    {
        lock (_gate)
        {
            while (!_wanted && !_disposed)
            {
                Monitor.Wait(_gate);
            }

            _inside = !_disposed;
            _sinceNs = _clock.NowNs;
            return _inside;
        }
    }

    private void Leave(long instructions, bool stopped)
    {
        TaskCompletionSource? paused;
        lock (_gate)
        {
            _inside = false;
            _guestNs += _clock.NowNs - _sinceNs;
            _instructions += instructions;
            _wanted &= !stopped;
            paused = _paused;
            _paused = null;
        }

        paused?.SetResult();
    }

    private void WaitHalted()
    {
        lock (_gate)
        {
            _sinceNs = _clock.NowNs;
            _halted = true;
            Interlocked.MemoryBarrier();
            if (_vcpu.HasWork)
            {
                EndHalt();
            }

            // A pause ends the wait as well; the vCPU halts anew if it has nothing to do when it is resumed.
            while (_halted && _wanted)
            {
                Monitor.Wait(_gate);
            }

            EndHalt();
        }
    }

    private void EndHalt()
    {
        if (_halted)
        {
            _halted = false;
            _idleNs += _clock.NowNs - _sinceNs;
        }
    }
}
