namespace Vivarium.Scheduling;

/// <summary>
/// One host thread that fires the timers and delivers the events of any number of machines. It sleeps until the earliest deadline, so idle
/// machines cost nothing. Share one among all machines of a process; dispose it after them. Any thread.
/// </summary>
public sealed class VmTimerService : IDisposable
{
    private readonly Lock _gate = new();
    private readonly DeadlineHeap<ServiceClient> _clients = new();
    private readonly ISleeper? _sleeper;
    private readonly Thread? _thread;

    /// <summary>Until when the thread sleeps; the minimum while it works, so that nobody wakes it for nothing.</summary>
    private long _sleepsUntilNs = long.MinValue;
    private volatile bool _stopping;

    /// <summary>Starts the service's thread.</summary>
    /// <param name="timeProvider">The host's clock. Default <see cref="TimeProvider.System"/>.</param>
    public VmTimerService(TimeProvider? timeProvider = null)
        : this(new HostClock(timeProvider ?? TimeProvider.System))
    {
        _sleeper = OperatingSystem.IsLinux() ? new LinuxSleeper() : new PortableSleeper();
        _thread = new Thread(Serve) { Name = "Vivarium timers", IsBackground = true };
        _thread.Start();
    }

    /// <summary>A service without a thread: others call <see cref="RunOne"/>.</summary>
    /// <param name="clock">The host's clock, or another that stands for it.</param>
    /// <param name="sleeper">Told when a client wants to run earlier than <see cref="RunOne"/> said last.</param>
    internal VmTimerService(HostClock clock, ISleeper? sleeper = null)
    {
        Clock = clock;
        _sleeper = sleeper;
    }

    internal HostClock Clock { get; }

    /// <summary>Ends the thread. Timers fire no more.</summary>
    public void Dispose()
    {
        if (!_stopping)
        {
            _stopping = true;
            _sleeper?.Wake();
            _thread?.Join();
            _sleeper?.Dispose();
        }
    }

    /// <summary>Makes sure that the client runs no later than <paramref name="deadlineNs"/>. An earlier request stays in force.</summary>
    internal void Request(ServiceClient client, long deadlineNs)
    {
        // A deadline in the past counts from now: a machine whose timers are always late must not keep others from their turn.
        deadlineNs = Math.Max(deadlineNs, Clock.NowNs);
        bool wake;
        lock (_gate)
        {
            if (deadlineNs >= client.HeapDeadlineNs || _stopping)
            {
                return;
            }

            _clients.Set(client, deadlineNs);
            wake = deadlineNs < _sleepsUntilNs;
            if (wake)
            {
                _sleepsUntilNs = long.MinValue;
            }
        }

        if (wake)
        {
            _sleeper?.Wake();
        }
    }

    /// <summary>Forgets the client. One run of it may still be under way.</summary>
    internal void Remove(ServiceClient client)
    {
        lock (_gate)
        {
            _clients.Remove(client);
        }
    }

    /// <summary>Runs the client whose deadline is earliest and past; otherwise returns how long to sleep.</summary>
    internal bool RunOne(out long sleepNs)
    {
        ServiceClient? due = null;
        lock (_gate)
        {
            _sleepsUntilNs = long.MinValue;
            sleepNs = 0;
            if (_clients.First is not { } first)
            {
                _sleepsUntilNs = sleepNs = long.MaxValue;
            }
            else if (first.HeapDeadlineNs - Clock.NowNs is var remaining and > 0)
            {
                _sleepsUntilNs = first.HeapDeadlineNs;
                sleepNs = remaining;
            }
            else
            {
                _clients.Remove(first);
                due = first;
            }
        }

        if (due is null)
        {
            return false;
        }

        due.RunDue();
        if (due.NextDeadlineNs is var next and < long.MaxValue)
        {
            Request(due, next);
        }

        return true;
    }

    private void Serve()
    {
        while (!_stopping)
        {
            if (!RunOne(out var sleepNs))
            {
                _sleeper!.Sleep(sleepNs);
            }
        }
    }
}
