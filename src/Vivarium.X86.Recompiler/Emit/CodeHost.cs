using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Vivarium.X86;

/// <summary>What the host's processor has that emitted code may use.</summary>
internal static class CodeHost
{
    private const int ExtendedLeaves = int.MinValue;

    /// <summary>AVX and AVX2, and a system that keeps their registers.</summary>
    public static bool HasAvx => Avx2.IsSupported;

    /// <summary>Whether XGETBV tells if the upper halves of vector registers are in use (CPUID.(EAX=0DH,ECX=1):EAX[2]).</summary>
    public static bool TracksUpperHalves { get; } = HasAvx && HasLeaf(0xD) && (X86Base.CpuId(0xD, 1).Eax & 4) != 0;

    public static bool HasBmi2 => Bmi2.IsSupported;

    /// <summary>Whether the host executes the instructions of a group. Any x64 host does those up to SSE2.</summary>
    public static bool Has(CpuidFeature feature) => feature switch
    {
        CpuidFeature.INTEL8086 or CpuidFeature.INTEL186 or CpuidFeature.INTEL286 or CpuidFeature.INTEL386 or CpuidFeature.INTEL486 or CpuidFeature.X64
            or CpuidFeature.FPU or CpuidFeature.FPU287 or CpuidFeature.FPU387 or CpuidFeature.CMOV or CpuidFeature.CX8 or CpuidFeature.MMX or CpuidFeature.FXSR
            or CpuidFeature.SSE or CpuidFeature.SSE2 => true,
        CpuidFeature.SSE3 => Ecx(1, 0),
        CpuidFeature.PCLMULQDQ => Ecx(1, 1),
        CpuidFeature.SSSE3 => Ecx(1, 9),
        CpuidFeature.FMA => HasAvx && Ecx(1, 12),
        CpuidFeature.CMPXCHG16B => Ecx(1, 13),
        CpuidFeature.SSE4_1 => Ecx(1, 19),
        CpuidFeature.SSE4_2 => Ecx(1, 20),
        CpuidFeature.MOVBE => Ecx(1, 22),
        CpuidFeature.POPCNT => Ecx(1, 23),
        CpuidFeature.AES => Ecx(1, 25),
        CpuidFeature.F16C => HasAvx && Ecx(1, 29),
        CpuidFeature.AVX or CpuidFeature.AVX2 => HasAvx,
        CpuidFeature.BMI1 => HasAvx && Ebx(7, 3),
        CpuidFeature.BMI2 => HasAvx && Ebx(7, 8),
        CpuidFeature.ADX => Ebx(7, 19),
        CpuidFeature.SHA => Ebx(7, 29),
        CpuidFeature.LZCNT => Ecx(ExtendedLeaves + 1, 5),
        _ => false,
    };

    /// <summary>A bit of CPUID; false if the host has no such leaf.</summary>
    private static bool Ebx(int leaf, int bit) => HasLeaf(leaf) && (X86Base.CpuId(leaf, 0).Ebx >> bit & 1) != 0;

    private static bool Ecx(int leaf, int bit) => HasLeaf(leaf) && (X86Base.CpuId(leaf, 0).Ecx >> bit & 1) != 0;

    private static bool HasLeaf(int leaf) => X86Base.IsSupported && (uint)X86Base.CpuId(leaf & ExtendedLeaves, 0).Eax >= (uint)leaf;
}
