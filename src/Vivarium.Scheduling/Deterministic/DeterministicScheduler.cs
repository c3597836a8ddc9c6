namespace Vivarium.Scheduling;

/// <summary>
/// Runs the vCPUs of one machine one after the other on one thread, each for a fixed number of instructions, with a clock that counts
/// instructions: two runs of a machine that gets the same inputs are the same, instruction by instruction. Any thread.
/// </summary>
/// <remarks>
/// <para>
/// The vCPUs must keep budgets exactly (<see cref="IExactVcpu"/>), and the machine's <see cref="VmClock"/> and <see cref="VmEventQueue"/> must
/// be on <see cref="Timers"/>. Each instruction, of whichever vCPU, takes a nanosecond of guest time. A vCPU that halts gives up its turn; while
/// all are halted time skips to the next timer, so that a guest which waits costs the host nothing but runs ahead of the host's clock.
/// A slice ends early, and goes on, where a timer or event is due: they come at the same instruction each time.
/// </para>
/// <para>
/// What the host posts to the event queue while the machine runs arrives when it arrives, and pauses and resumptions change nothing. The machine
/// runs only while all of its vCPUs are resumed. A guest may also tell two runs apart by randomness and by the date: fix both.
/// </para>
/// </remarks>
public sealed class DeterministicScheduler : IVcpuScheduler
{
    private readonly Lock _gate = new();
    private volatile DeterministicMachine? _machine;
    private bool _disposed;

    /// <summary>Creates the scheduler; it has no thread until a machine is added.</summary>
    /// <param name="sliceInstructions">Instructions after which it is the next vCPU's turn, 1 to 1,000,000,000. Default 10,000.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sliceInstructions"/> is out of its range.</exception>
    public DeterministicScheduler(long sliceInstructions = 10_000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sliceInstructions, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sliceInstructions, 1_000_000_000);
        SliceInstructions = sliceInstructions;
        Timers = new VmTimerService(new HostClock(Time), new Alarm(this));
    }

    /// <summary>Instructions after which it is the next vCPU's turn.</summary>
    public long SliceInstructions { get; }

    /// <summary>Fires the machine's timers and delivers its events, between two slices on the machine's thread. Disposed with the scheduler.</summary>
    public VmTimerService Timers { get; }

    /// <summary>The clock of <see cref="Timers"/>.</summary>
    internal InstructionTime Time { get; } = new();

    /// <summary>Adds the machine. Its share has no effect, as there is none to share with.</summary>
    /// <exception cref="InvalidOperationException">There is a machine already.</exception>
    public IVmSchedule AddMachine(string name, VmShare share)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ShareRules.Check(share);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_machine is not null)
            {
                throw new InvalidOperationException(
                    "A deterministic scheduler has one machine, as its clock counts that machine's instructions; create another for the next.");
            }

            return _machine = new DeterministicMachine(this, name, share);
        }
    }

    /// <summary>Ends the thread; a vCPU that runs is stopped.</summary>
    public void Dispose()
    {
        DeterministicMachine? machine;
        lock (_gate)
        {
            _disposed = true;
            machine = _machine;
        }

        machine?.Dispose();
        Timers.Dispose();
    }

    internal void Remove(DeterministicMachine machine)
    {
        lock (_gate)
        {
            _machine = _machine == machine ? null : _machine;
        }
    }

    /// <summary>Hears that a timer is due earlier than those known, or an event at once.</summary>
    private sealed class Alarm(DeterministicScheduler scheduler) : ISleeper
    {
        public void Sleep(long maximumNs)
        {
            // The machine's thread waits for more than timers, and elsewhere.
        }

        public void Wake() => scheduler._machine?.OnTimersChanged();

        public void Dispose()
        {
        }
    }
}
