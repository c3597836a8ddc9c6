using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Which instruction sets the host can be an oracle for.</summary>
internal static class HostFeatures
{
    private const nuint Hwcap2 = 26;

    /// <summary>"Genu".</summary>
    private const int IntelVendor = 0x756E6547;

    /// <summary>AVX, and a system that saves its state. Not what the runtime uses: that may be told to do without.</summary>
    public static bool HasAvx { get; } = NativeRunner.IsSupported && X86Base.IsSupported && Leaf1(27) && Leaf1(28);

    /// <summary>RDFSBASE and its like, and a system that allows them to user code.</summary>
    public static bool HasBaseInstructions { get; } = NativeRunner.IsSupported && (AuxiliaryValue(Hwcap2) & 2) != 0;

    /// <summary>Whether Intel made it: where the manual leaves a choice, the engines do as Intel's processors, and others differ from them.</summary>
    public static bool IsIntel { get; } = X86Base.IsSupported && X86Base.CpuId(0, 0).Ebx == IntelVendor;

    public static bool Has(CpuidFeature feature) => feature switch
    {
        CpuidFeature.FPU or CpuidFeature.FPU287 or CpuidFeature.FPU387 or CpuidFeature.CMOV or CpuidFeature.MMX or CpuidFeature.SSE
            or CpuidFeature.SSE2 or CpuidFeature.X64 or CpuidFeature.FXSR or CpuidFeature.CX8 or CpuidFeature.CLFSH or CpuidFeature.MULTIBYTENOP => true,
        CpuidFeature.INTEL8086 or CpuidFeature.INTEL186 or CpuidFeature.INTEL286 or CpuidFeature.INTEL386 or CpuidFeature.INTEL486 => true,
        CpuidFeature.SSE3 => Leaf1(0),
        CpuidFeature.PCLMULQDQ => Leaf1(1),
        CpuidFeature.SSSE3 => Leaf1(9),
        CpuidFeature.SSE4_1 => Leaf1(19),
        CpuidFeature.SSE4_2 => Leaf1(20),
        CpuidFeature.AES => Leaf1(25),
        CpuidFeature.CMPXCHG16B => Leaf1(13),
        CpuidFeature.MOVBE => Leaf1(22),
        CpuidFeature.POPCNT => Leaf1(23),
        CpuidFeature.LZCNT => Extended(5),
        CpuidFeature.PREFETCHW => Extended(8),
        CpuidFeature.FSGSBASE => HasBaseInstructions,
        CpuidFeature.BMI1 => HasAvx && Leaf7(3),
        CpuidFeature.BMI2 => HasAvx && Leaf7(8),
        CpuidFeature.ADX => Leaf7(19),
        CpuidFeature.AVX => HasAvx,
        CpuidFeature.AVX2 => HasAvx && Leaf7(5),
        CpuidFeature.FMA => HasAvx && Leaf1(12),
        CpuidFeature.F16C => HasAvx && Leaf1(29),
        CpuidFeature.SHA => Leaf7(29),
        _ => false,
    };

    private static bool Leaf7(int bit) => (X86Base.CpuId(7, 0).Ebx & (1 << bit)) != 0;

    private static bool Extended(int bit) => (X86Base.CpuId(unchecked((int)0x80000001), 0).Ecx & (1 << bit)) != 0;

    private static bool Leaf1(int bit) => (X86Base.CpuId(1, 0).Ecx & (1 << bit)) != 0;

    [DllImport("libc", EntryPoint = "getauxval")]
    private static extern nuint AuxiliaryValue(nuint type);
}
