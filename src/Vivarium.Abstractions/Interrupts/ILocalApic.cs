namespace Vivarium;

/// <summary>
/// The local APIC as its own vCPU sees it. All members are called on the thread that runs the vCPU, without the device lock,
/// unless said otherwise.
/// </summary>
public interface ILocalApic
{
    /// <summary>IA32_APIC_BASE (MSR 0x1B). Bit 11 is the global enable, bit 10 x2APIC mode, bit 8 the bootstrap processor.</summary>
    ulong ApicBase { get; }

    /// <summary>The APIC ID reported by CPUID, 0 to 2^32 − 1.</summary>
    uint ApicId { get; }

    /// <summary>The task priority class, CR8, 0 to 15.</summary>
    byte TaskPriorityClass { get; set; }

    /// <summary>Whether an interrupt of sufficient priority waits, the 8259's ExtINT included. Any thread.</summary>
    bool HasPendingInterrupt { get; }

    /// <summary>Acknowledges and returns the vector to deliver (0–255), or −1 if there is none any more.</summary>
    int AcknowledgeInterrupt();

    /// <summary>Reads a register in xAPIC mode at <paramref name="offset"/> 0 to 0xFFF of the APIC page.</summary>
    uint ReadRegister(uint offset, int sizeBytes);

    /// <summary>Writes a register in xAPIC mode at <paramref name="offset"/> 0 to 0xFFF of the APIC page.</summary>
    void WriteRegister(uint offset, int sizeBytes, uint value);

    /// <summary>Resets as INIT does: all registers but the APIC ID and APIC base.</summary>
    void ResetByInit();
}
