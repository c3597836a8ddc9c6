namespace Vivarium.Scheduling;

/// <summary>One machine on a worker pool: it competes as a whole, whatever the number of its vCPUs. Guarded by the pool's gate.</summary>
internal sealed class PooledMachine(WorkerPoolScheduler pool, string name, VmShare share) : FairEntity(share.Weight), IVmSchedule
{
    private VmShare _share = share;

    public string Name { get; } = name;

    public BandwidthLimit Limit { get; } = new();

    /// <summary>vCPUs that wait for a worker, in turn.</summary>
    public List<PooledVcpu> Waiting { get; } = [];

    public List<PooledVcpu> Vcpus { get; } = [];

    /// <summary>How many workers run one of its vCPUs.</summary>
    public int RunningCount { get; set; }

    /// <summary>Out of the competition until its period ends.</summary>
    public bool IsThrottled { get; set; }

    public VmShare Share
    {
        get => _share;
        set
        {
            ShareRules.Check(value);
            _share = value;
            pool.ChangeShare(this, value);
        }
    }

    public IVcpuSchedule AddVcpu(IVcpu vcpu, IVcpuObserver observer)
    {
        ArgumentNullException.ThrowIfNull(vcpu);
        ArgumentNullException.ThrowIfNull(observer);
        return pool.AddVcpu(this, vcpu, observer);
    }

    public void Dispose() => pool.Remove(this);
}
