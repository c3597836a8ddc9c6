namespace Vivarium;

/// <summary>What the machine asks of a processor beyond running.</summary>
internal interface IMachineCpu : IVcpu, IVcpuSignals, ITscSource, IStateUnit, IDisposable
{
    /// <summary>Sets the registers with which a boot loader starts the bootstrap processor. After a reset, before it runs.</summary>
    public void Start(CpuStartState state);
}
