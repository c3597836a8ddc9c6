namespace Vivarium.Devices;

/// <summary>
/// The CPUID leaves by which a guest finds the paravirtual interface (Linux Documentation/virt/kvm/x86/cpuid.rst). The CPU model puts
/// them into its table; it also sets CPUID.1:ECX[31], "hypervisor present".
/// </summary>
public static class KvmCpuid
{
    /// <summary>The leaf with the signature and the highest leaf.</summary>
    public const uint SignatureLeaf = 0x4000_0000;

    /// <summary>The leaf with the features.</summary>
    public const uint FeatureLeaf = 0x4000_0001;

    /// <summary>The leaf with the TSC frequency in kHz in EAX and the APIC bus frequency in kHz in EBX.</summary>
    public const uint TimingLeaf = 0x4000_0010;

    /// <summary>
    /// The features offered, EAX of <see cref="FeatureLeaf"/>: both clock sources, steal time, PV unhalt and a stable clock.
    /// </summary>
    public const uint Features = (1u << 0) | (1u << 3) | (1u << 5) | (1u << 7) | (1u << 24);

    private const uint ApicBusKhz = 1_000_000;

    /// <summary>Answers a leaf of the paravirtual range. False if it is not one of them.</summary>
    public static bool TryGet(uint leaf, ulong tscFrequencyHz, out (uint Eax, uint Ebx, uint Ecx, uint Edx) registers)
    {
        switch (leaf)
        {
            case SignatureLeaf:
                // "KVMKVMKVM\0\0\0"
                registers = (TimingLeaf, 0x4B4D_564B, 0x564B_4D56, 0x0000_004D);
                return true;
            case FeatureLeaf:
                registers = (Features, 0, 0, 0);
                return true;
            case > FeatureLeaf and < TimingLeaf:
                registers = default;
                return true;
            case TimingLeaf:
                registers = ((uint)Math.Min(uint.MaxValue, tscFrequencyHz / 1000), ApicBusKhz, 0, 0);
                return true;
            default:
                registers = default;
                return false;
        }
    }
}
