namespace Vivarium;

/// <summary>The wires into a processor: INTR, NMI, INIT and startup. Any thread; each call also wakes a parked vCPU.</summary>
public interface IVcpuSignals
{
    /// <summary>Something changed in the local APIC or PIC: look at <see cref="ILocalApic.HasPendingInterrupt"/> at the next instruction boundary.</summary>
    void SignalInterrupt();

    /// <summary>Raises a non-maskable interrupt.</summary>
    void SignalNmi();

    /// <summary>Asserts INIT: the processor resets its state and, unless it is the bootstrap processor, waits for a startup IPI.</summary>
    void SignalInit();

    /// <summary>Startup IPI: real mode at segment <paramref name="vector"/> × 0x100. Ignored unless the processor waits for one.</summary>
    void SignalStartup(byte vector);

    /// <summary>Ends a PV halt or spin (KVM_HC_KICK_CPU).</summary>
    void SignalKick();
}
