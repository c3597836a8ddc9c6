namespace Vivarium;

/// <summary>Model-specific registers that a device implements for one vCPU (APIC, KVM clock…). Called on that vCPU's thread without the device lock.</summary>
public interface IMsrHandler
{
    /// <summary>Reads an MSR. False: not this handler's register, or RDMSR must raise #GP(0).</summary>
    bool TryReadMsr(uint index, out ulong value);

    /// <summary>Writes an MSR. False: not this handler's register, or WRMSR must raise #GP(0).</summary>
    bool TryWriteMsr(uint index, ulong value);
}
