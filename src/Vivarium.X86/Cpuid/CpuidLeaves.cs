namespace Vivarium.X86;

/// <summary>The four registers that CPUID returns.</summary>
internal readonly record struct CpuidResult(uint Eax, uint Ebx, uint Ecx, uint Edx);

/// <summary>What CPUID needs to know of the machine around the processor.</summary>
/// <param name="Model">The CPU model.</param>
/// <param name="CpuCount">vCPUs of the machine: all are cores of one package.</param>
/// <param name="TscFrequencyHz">Frequency of the time-stamp counter.</param>
/// <param name="HypervisorFeatures">EAX of leaf 0x40000001 (KVM feature bits), or null to report no hypervisor interface.</param>
internal sealed record CpuidOptions(CpuModel Model, int CpuCount, long TscFrequencyHz, uint? HypervisorFeatures);

/// <summary>The CPUID instruction (Intel SDM Vol. 2A, CPUID).</summary>
internal static unsafe class CpuidLeaves
{
    private const uint MaxBasicLeaf = 0x16;
    private const uint MaxExtendedLeaf = 0x80000008;
    private const uint Signature = 0x000306F2;
    private const uint ApicFeature = 1 << 9;
    private const ulong ApicEnabled = 1 << 11;

    /// <summary>The registers; of the APIC, if there is one, the ID is told, and EDX bit 9 of leaf 1 is clear while it is off (Intel SDM Vol. 3A §11.4.3).</summary>
    public static CpuidResult Query(CpuidOptions options, CpuState* state, ILocalApic? apic, uint leaf, uint subleaf)
    {
        var result = Query(options, state, apic?.ApicId ?? 0, leaf, subleaf);
        return leaf == 1 && apic is not null && (apic.ApicBase & ApicEnabled) == 0 ? result with { Edx = result.Edx & ~ApicFeature } : result;
    }

    private static CpuidResult Query(CpuidOptions options, CpuState* state, uint apicId, uint leaf, uint subleaf)
    {
        if (leaf is >= 0x40000000 and <= 0x400000FF)
        {
            return Hypervisor(options, leaf);
        }

        if (leaf >= 0x80000000)
        {
            return leaf <= MaxExtendedLeaf ? Extended(options.Model, leaf) : Query(options, state, apicId, MaxBasicLeaf, subleaf);
        }

        return Basic(options, state, apicId, Math.Min(leaf, MaxBasicLeaf), subleaf);
    }

    private static CpuidResult Basic(CpuidOptions options, CpuState* state, uint apicId, uint leaf, uint subleaf)
    {
        var model = options.Model;
        switch (leaf)
        {
            case 0:
                return new CpuidResult(MaxBasicLeaf, 0x756E6547, 0x6C65746E, 0x49656E69);
            case 1:
                var logical = (uint)Math.Min(options.CpuCount, 255);
                var ecx = model.Register(CpuFeature.Leaf1Ecx) | ((state->Cr4 & ControlBits.Cr4OsXsave) != 0 ? 1u << 27 : 0);
                var edx = model.Register(CpuFeature.Leaf1Edx) | (options.CpuCount > 1 ? 1u << 28 : 0);
                return new CpuidResult(Signature, (apicId << 24) | (logical << 16) | (8 << 8), ecx, edx);
            case 2:
                return new CpuidResult(0x00FEFF01, 0, 0, 0);
            case 4:
                return Cache(options, subleaf);
            case 6:
                return new CpuidResult(1 << 2, 0, 0, 0);
            case 7 when subleaf == 0:
                var pkeEnabled = (state->Cr4 & ControlBits.Cr4Pke) != 0 ? 1u << 4 : 0;
                return new CpuidResult(2, model.Register(CpuFeature.Leaf7Ebx), model.Register(CpuFeature.Leaf7Ecx) | pkeEnabled, model.Register(CpuFeature.Leaf7Edx));
            case 7 when subleaf == 2:
                return new CpuidResult(0, 0, 0, model.Register(CpuFeature.Leaf7Sub2Edx));
            case 0xB:
                return Topology(options, apicId, subleaf);
            case 0xD when model.Has(CpuFeature.Xsave):
                return ExtendedState(model, state, subleaf);
            case 0x15:
                // Crystal of 1 MHz × numerator / denominator = TSC frequency.
                return new CpuidResult(1, (uint)(options.TscFrequencyHz / 1_000_000), 1_000_000, 0);
            case 0x16:
                var mhz = (uint)(options.TscFrequencyHz / 1_000_000) & 0xFFFF;
                return new CpuidResult(mhz, mhz, 100, 0);
            default:
                return default;
        }
    }

    private static CpuidResult Extended(CpuModel model, uint leaf)
    {
        switch (leaf)
        {
            case 0x80000000:
                return new CpuidResult(MaxExtendedLeaf, 0, 0, 0);
            case 0x80000001:
                return new CpuidResult(0, 0, model.Register(CpuFeature.LeafExt1Ecx), model.Register(CpuFeature.LeafExt1Edx));
            case >= 0x80000002 and <= 0x80000004:
                return Brand(model, (int)(leaf - 0x80000002));
            case 0x80000006:
                return new CpuidResult(0, 0, 0x01006040, 0);
            case 0x80000007:
                return new CpuidResult(0, 0, 0, 1 << 8);
            case 0x80000008:
                return new CpuidResult(PageEntry.PhysicalAddressBits | (48 << 8), 0, 0, 0);
            default:
                return default;
        }
    }

    private static CpuidResult Brand(CpuModel model, int part)
    {
        Span<byte> text = stackalloc byte[48];
        text.Clear();
        System.Text.Encoding.ASCII.GetBytes($"Vivarium Virtual CPU ({model.Name})", text);
        var words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, uint>(text[(part * 16)..]);
        return new CpuidResult(words[0], words[1], words[2], words[3]);
    }

    private static CpuidResult Hypervisor(CpuidOptions options, uint leaf)
    {
        if (options.HypervisorFeatures is not { } features)
        {
            return default;
        }

        return leaf switch
        {
            0x40000000 => new CpuidResult(0x40000010, 0x4B4D564B, 0x564B4D56, 0x4D),
            0x40000001 => new CpuidResult(features, 0, 0, 0),
            0x40000010 => new CpuidResult((uint)(options.TscFrequencyHz / 1000), 1_000_000, 0, 0),
            _ => default,
        };
    }

    private static CpuidResult Cache(CpuidOptions options, uint subleaf)
    {
        var cores = ((uint)Math.Min(options.CpuCount, 64) - 1) << 26;
        return subleaf switch
        {
            0 => new CpuidResult(cores | 0x121, (7 << 22) | 63, 63, 1),
            1 => new CpuidResult(cores | 0x122, (7 << 22) | 63, 63, 1),
            2 => new CpuidResult(cores | 0x143, (15 << 22) | 63, 1023, 0),
            _ => default,
        };
    }

    private static CpuidResult Topology(CpuidOptions options, uint apicId, uint subleaf)
    {
        var bits = (uint)(32 - System.Numerics.BitOperations.LeadingZeroCount((uint)options.CpuCount - 1));
        return subleaf switch
        {
            0 => new CpuidResult(0, 1, 0x100, apicId),
            1 => new CpuidResult(bits, (uint)options.CpuCount, 0x201, apicId),
            _ => new CpuidResult(0, 0, subleaf & 0xFF, apicId),
        };
    }

    private static CpuidResult ExtendedState(CpuModel model, CpuState* state, uint subleaf) => subleaf switch
    {
        0 => new CpuidResult((uint)model.SupportedXcr0, (uint)XsaveLayout.StandardBytes(state->Xcr0), (uint)XsaveLayout.StandardBytes(model.SupportedXcr0), 0),
        1 => new CpuidResult(model.Register(CpuFeature.LeafD1Eax), (uint)XsaveLayout.CompactedBytes(state->Xcr0), 0, 0),
        < 64 when (model.SupportedXcr0 >> (int)subleaf & 1) != 0 && subleaf >= 2 =>
            new CpuidResult((uint)XsaveLayout.Size((int)subleaf), (uint)XsaveLayout.Offset((int)subleaf), 0, 0),
        _ => default,
    };
}
