namespace Vivarium;

/// <summary>Lends threads to vCPUs. A host program may put its own behind this interface. Any thread.</summary>
public interface IVcpuScheduler : IDisposable
{
    /// <summary>Adds a machine.</summary>
    /// <param name="name">The machine's name, for people.</param>
    /// <param name="share">Its share; see <see cref="IVmSchedule.Share"/> to change it live.</param>
    IVmSchedule AddMachine(string name, VmShare share);
}

/// <summary>One machine's place in a scheduler. Disposing removes its vCPUs, which must be paused.</summary>
public interface IVmSchedule : IDisposable
{
    /// <summary>The share of processor time; may be set at any time.</summary>
    VmShare Share { get; set; }

    /// <summary>Adds a vCPU, paused, and becomes its <see cref="IVcpu.Waker"/>.</summary>
    IVcpuSchedule AddVcpu(IVcpu vcpu, IVcpuObserver observer);
}

/// <summary>One vCPU's place in a scheduler.</summary>
public interface IVcpuSchedule
{
    /// <summary>How it spent its time.</summary>
    VcpuUsage Usage { get; }

    /// <summary>Lets it run from now on.</summary>
    void Resume();

    /// <summary>Stops it at the next instruction boundary; the task completes when no thread is inside <see cref="IVcpu.Run"/> any more.</summary>
    Task PauseAsync();
}

/// <summary>Hears of the exits that a scheduler cannot handle itself.</summary>
public interface IVcpuObserver
{
    /// <summary>
    /// The vCPU left <see cref="IVcpu.Run"/> for <see cref="VcpuExitReason.Shutdown"/> or <see cref="VcpuExitReason.Debug"/>; it stays
    /// parked until resumed. Called on the worker; must not wait for the scheduler.
    /// </summary>
    void OnStopped(IVcpu vcpu, VcpuExit exit);

    /// <summary><see cref="IVcpu.Run"/> threw: a defect of this library, never of a guest. The vCPU stays parked.</summary>
    void OnFailed(IVcpu vcpu, Exception exception);
}
