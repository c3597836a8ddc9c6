using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Which instruction sets the host can be an oracle for.</summary>
internal static class HostFeatures
{
    /// <summary>AVX, and a system that saves its state. Not what the runtime uses: that may be told to do without.</summary>
    public static bool HasAvx { get; } = NativeRunner.IsSupported && X86Base.IsSupported && Leaf1(27) && Leaf1(28);

    public static bool Has(CpuidFeature feature) => feature switch
    {
        CpuidFeature.FPU or CpuidFeature.FPU287 or CpuidFeature.FPU387 or CpuidFeature.CMOV or CpuidFeature.MMX or CpuidFeature.SSE
            or CpuidFeature.SSE2 or CpuidFeature.X64 => true,
        CpuidFeature.SSE3 => Leaf1(0),
        CpuidFeature.PCLMULQDQ => Leaf1(1),
        CpuidFeature.SSSE3 => Leaf1(9),
        CpuidFeature.SSE4_1 => Leaf1(19),
        CpuidFeature.SSE4_2 => Leaf1(20),
        CpuidFeature.AES => Leaf1(25),
        CpuidFeature.AVX => HasAvx,
        CpuidFeature.AVX2 => HasAvx && (X86Base.CpuId(7, 0).Ebx & (1 << 5)) != 0,
        CpuidFeature.FMA => HasAvx && Leaf1(12),
        CpuidFeature.F16C => HasAvx && Leaf1(29),
        CpuidFeature.SHA => (X86Base.CpuId(7, 0).Ebx & (1 << 29)) != 0,
        _ => false,
    };

    private static bool Leaf1(int bit) => (X86Base.CpuId(1, 0).Ecx & (1 << bit)) != 0;
}
