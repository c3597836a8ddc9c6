namespace Vivarium.Scheduling;

/// <summary>
/// Gives every vCPU a thread of its own and leaves sharing to the host's scheduler: the lowest latency, for machines that do not outnumber
/// the host's cores. Weights and reservations have no effect and caps are refused; <see cref="WorkerPoolScheduler"/> enforces them. Steal
/// time is the host's secret here and reads as zero. Any thread.
/// </summary>
public sealed class ThreadPerVcpuScheduler : IVcpuScheduler
{
    private readonly Lock _gate = new();
    private readonly List<Machine> _machines = [];
    private readonly HostClock _clock;
    private bool _disposed;

    /// <summary>Creates the scheduler; it has no thread until vCPUs are added.</summary>
    /// <param name="timeProvider">The host's clock. Default <see cref="TimeProvider.System"/>.</param>
    public ThreadPerVcpuScheduler(TimeProvider? timeProvider = null)
    {
        _clock = new HostClock(timeProvider ?? TimeProvider.System);
    }

    /// <inheritdoc/>
    public IVmSchedule AddMachine(string name, VmShare share)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var machine = new Machine(this, name, share);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _machines.Add(machine);
        }

        return machine;
    }

    /// <summary>Ends all threads; vCPUs that run are stopped.</summary>
    public void Dispose()
    {
        Machine[] machines;
        lock (_gate)
        {
            _disposed = true;
            machines = [.. _machines];
        }

        foreach (var machine in machines)
        {
            machine.Dispose();
        }
    }

    private sealed class Machine : IVmSchedule
    {
        private readonly ThreadPerVcpuScheduler _owner;
        private readonly string _name;
        private readonly List<VcpuThread> _threads = [];
        private VmShare _share;

        public Machine(ThreadPerVcpuScheduler owner, string name, VmShare share)
        {
            _owner = owner;
            _name = name;
            _share = Check(share);
        }

        public VmShare Share
        {
            get => _share;
            set => _share = Check(value);
        }

        public IVcpuSchedule AddVcpu(IVcpu vcpu, IVcpuObserver observer)
        {
            ArgumentNullException.ThrowIfNull(vcpu);
            ArgumentNullException.ThrowIfNull(observer);
            var thread = new VcpuThread(vcpu, observer, _owner._clock, $"{_name} vCPU {vcpu.Index}");
            lock (_owner._gate)
            {
                _threads.Add(thread);
            }

            return thread;
        }

        public void Dispose()
        {
            VcpuThread[] threads;
            lock (_owner._gate)
            {
                threads = [.. _threads];
                _threads.Clear();
                _owner._machines.Remove(this);
            }

            foreach (var thread in threads)
            {
                thread.Dispose();
            }
        }

        private static VmShare Check(VmShare share)
        {
            ShareRules.Check(share);
            return share.CapMilliCores is null
                ? share
                : throw new ArgumentException("A thread per vCPU cannot be capped; use WorkerPoolScheduler for machines with CapMilliCores.", nameof(share));
        }
    }
}
