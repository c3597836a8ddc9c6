using System.Collections.Frozen;
using Iced.Intel;
using static Vivarium.X86.CpuFeature;

namespace Vivarium.X86;

/// <summary>
/// A CPU model: what CPUID reports and which instructions exist. The micro-architecture levels are those of the x86-64 psABI.
/// Models are immutable and may be shared.
/// </summary>
public sealed class CpuModel
{
    private static readonly CpuFeature[] s_v1Features =
    [
        Fpu, De, Pse, Tsc, Msr, Pae, Mce, Cx8, Apic, Sep, Mtrr, Pge, Mca, Cmov, Pat, Pse36, Clfsh, Mmx, Fxsr, Sse, Sse2,
        X2Apic, TscDeadline, Hypervisor, FcsFdsDeprecated, SpecCtrl, Stibp, ArchCapabilities, Ssbd, BhiCtrl, Syscall, Nx, LongMode,
    ];

    private static readonly CpuFeature[] s_v2Features = [.. s_v1Features, Sse3, Ssse3, Sse41, Sse42, Popcnt, Cx16, LahfLm];

    private static readonly CpuFeature[] s_v3Features = [.. s_v2Features, Avx, Avx2, Bmi1, Bmi2, F16c, Fma, Abm, Movbe, Xsave];

    private static readonly CpuFeature[] s_maxFeatures =
    [
        .. s_v3Features, Pclmulqdq, Pcid, Aes, Rdrand, FsGsBase, TscAdjust, Smep, Erms, Invpcid, Rdseed, Adx, Smap,
        ClflushOpt, Clwb, Sha, Umip, Pku, Rdpid, Fsrm, PrefetchW, Page1Gb, Rdtscp, XsaveOpt, Xsavec, Xgetbv1,
    ];

    /// <summary>More than Iced has codes.</summary>
    private const int CodeCount = 1 << 13;

    private readonly FrozenSet<CpuFeature> _features;
    private readonly FrozenSet<CpuidFeature> _instructions;

    /// <summary>By Iced's code, what <see cref="Allows"/> has found out: any thread may, and finds the same.</summary>
    private readonly Permission[] _permissions = new Permission[CodeCount];

    private CpuModel(string name, CpuFeature[] features)
    {
        Name = name;
        _features = features.ToFrozenSet();
        _instructions = InstructionFeatures.For(features).ToFrozenSet();
        Cr4Mask = ControlBits.Cr4Tsd | ControlBits.Cr4De | ControlBits.Cr4Pse | ControlBits.Cr4Pae | ControlBits.Cr4Mce | ControlBits.Cr4Pge
            | ControlBits.Cr4Pce | ControlBits.Cr4OsFxsr | ControlBits.Cr4OsXmmExcpt
            | If(Umip, ControlBits.Cr4Umip) | If(FsGsBase, ControlBits.Cr4FsGsBase) | If(Pcid, ControlBits.Cr4Pcide)
            | If(Xsave, ControlBits.Cr4OsXsave) | If(Smep, ControlBits.Cr4Smep) | If(Smap, ControlBits.Cr4Smap) | If(Pku, ControlBits.Cr4Pke);
        SupportedXcr0 = Has(Xsave) ? XsaveLayout.X87Bit | XsaveLayout.SseBit | If(Avx, XsaveLayout.AvxBit) | If(Pku, XsaveLayout.PkruBit) : 0;
    }

    /// <summary>The baseline: SSE2 and 64-bit mode.</summary>
    public static CpuModel X86_64_V1 { get; } = new("x86-64-v1", s_v1Features);

    /// <summary>With SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT and CMPXCHG16B.</summary>
    public static CpuModel X86_64_V2 { get; } = new("x86-64-v2", s_v2Features);

    /// <summary>With AVX, AVX2, FMA, F16C, BMI1, BMI2, LZCNT, MOVBE and XSAVE too.</summary>
    public static CpuModel X86_64_V3 { get; } = new("x86-64-v3", s_v3Features);

    /// <summary>Everything that the engines implement.</summary>
    public static CpuModel Max { get; } = new("max", s_maxFeatures);

    /// <summary>All models.</summary>
    public static IReadOnlyList<CpuModel> All { get; } = [X86_64_V1, X86_64_V2, X86_64_V3, Max];

    /// <summary>The model's name, as the command line takes it.</summary>
    public string Name { get; }

    /// <summary>Bits of CR4 that may be set.</summary>
    internal ulong Cr4Mask { get; }

    /// <summary>Bits of EFER that may be set.</summary>
    internal ulong EferMask { get; } = ControlBits.EferSce | ControlBits.EferLme | ControlBits.EferLma | ControlBits.EferNxe;

    /// <summary>XCR0 bits offered, 0 without XSAVE.</summary>
    internal ulong SupportedXcr0 { get; }

    /// <summary>Finds a model by name.</summary>
    /// <exception cref="ArgumentException">There is no model of that name.</exception>
    public static CpuModel Parse(string name) =>
        All.FirstOrDefault(m => string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There is no CPU model '{name}'. Choose one of: {string.Join(", ", All.Select(m => m.Name))}.", nameof(name));

    /// <inheritdoc/>
    public override string ToString() => Name;

    internal bool Has(CpuFeature feature) => _features.Contains(feature);

    /// <summary>The bits of one CPUID register.</summary>
    internal uint Register(CpuFeature firstBit)
    {
        var bits = 0u;
        foreach (var feature in _features)
        {
            if (((int)feature & ~0xFF) == (int)firstBit)
            {
                bits |= 1u << ((int)feature & 0xFF);
            }
        }

        return bits;
    }

    /// <summary>Whether an instruction exists on this model.</summary>
    internal bool Allows(in Instruction instruction)
    {
        ref var permission = ref _permissions[(int)instruction.Code];
        if (permission == Permission.Unknown)
        {
            permission = HasAllOf(instruction) ? Permission.Granted : Permission.Refused;
        }

        return permission == Permission.Granted;
    }

    private bool HasAllOf(in Instruction instruction)
    {
        foreach (var feature in instruction.CpuidFeatures)
        {
            if (!_instructions.Contains(feature))
            {
                return false;
            }
        }

        return true;
    }

    private enum Permission : byte
    {
        Unknown,
        Granted,
        Refused,
    }

    private ulong If(CpuFeature feature, ulong bits) => Has(feature) ? bits : 0;
}
