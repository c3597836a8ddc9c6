namespace Vivarium;

/// <summary>What the machine asks of a processor beyond running.</summary>
internal interface IMachineCpu : IVcpu, IVcpuSignals, IStateUnit, IDisposable
{
    /// <summary>Its time-stamp counter.</summary>
    ITscSource Tsc { get; }

    /// <summary>Whether address line 20 reaches memory. Changed while it is parked or held.</summary>
    bool IsA20Open { get; set; }

    /// <summary>Where it is scheduled: the guest is told of time that it had to wait for a worker.</summary>
    IVcpuSchedule? Schedule { get; set; }

    /// <summary>Sets the registers with which a boot loader starts the bootstrap processor. After a reset, before it runs.</summary>
    void Start(CpuStartState state);
}
