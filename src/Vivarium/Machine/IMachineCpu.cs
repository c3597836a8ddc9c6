namespace Vivarium;

/// <summary>What the machine asks of a processor beyond running.</summary>
internal interface IMachineCpu : IVcpu, IVcpuSignals, IStateUnit, IDisposable
{
    /// <summary>Its time-stamp counter.</summary>
    public ITscSource Tsc { get; }

    /// <summary>Whether address line 20 reaches memory. Changed while it is parked or held.</summary>
    public bool IsA20Open { get; set; }

    /// <summary>Where it is scheduled: the guest is told of time that it had to wait for a worker.</summary>
    public IVcpuSchedule? Schedule { get; set; }

    /// <summary>Sets the registers with which a boot loader starts the bootstrap processor. After a reset, before it runs.</summary>
    public void Start(CpuStartState state);
}
