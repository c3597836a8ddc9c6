namespace Vivarium.Scheduling;

/// <summary>One vCPU of a deterministic machine. Guarded by the machine's gate.</summary>
internal sealed class DeterministicVcpu(DeterministicMachine machine, IExactVcpu vcpu, IVcpuObserver observer) : IVcpuSchedule, IVcpuWaker
{
    public IExactVcpu Vcpu { get; } = vcpu;

    public IVcpuObserver Observer { get; } = observer;

    /// <summary>Whether it may run, as far as <see cref="Resume"/> and <see cref="PauseAsync"/> go.</summary>
    public bool IsWanted { get; set; }

    /// <summary>Waits for the vCPU to be outside of <see cref="IVcpu.Run"/>; null if nobody does.</summary>
    public TaskCompletionSource? Paused { get; set; }

    /// <summary>Host nanoseconds inside <see cref="IVcpu.Run"/>.</summary>
    public long GuestNs { get; set; }

    public long Instructions { get; set; }

    public VcpuUsage Usage => machine.GetUsage(this);

    public void Resume() => machine.Resume(this);

    public Task PauseAsync() => machine.PauseAsync(this);

    public void Wake() => machine.Look();
}
