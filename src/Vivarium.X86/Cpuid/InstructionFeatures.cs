using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Which groups of instructions, as the decoder names them, come with which CPUID features.</summary>
internal static class InstructionFeatures
{
    private static readonly CpuidFeature[] s_always =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486,
        CpuidFeature.X64, CpuidFeature.CPUID, CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU287XL_ONLY, CpuidFeature.FPU387,
        CpuidFeature.FPU387SL_ONLY, CpuidFeature.MULTIBYTENOP, CpuidFeature.PAUSE, CpuidFeature.RDPMC, CpuidFeature.SMM,
        CpuidFeature.VMX, CpuidFeature.SVM, CpuidFeature.D3NOW,
    ];

    private static readonly (CpuFeature Feature, CpuidFeature[] Instructions)[] s_optional =
    [
        (CpuFeature.Tsc, [CpuidFeature.TSC]),
        (CpuFeature.Msr, [CpuidFeature.MSR]),
        (CpuFeature.Cx8, [CpuidFeature.CX8]),
        (CpuFeature.Sep, [CpuidFeature.SEP]),
        (CpuFeature.Cmov, [CpuidFeature.CMOV]),
        (CpuFeature.Clfsh, [CpuidFeature.CLFSH]),
        (CpuFeature.Mmx, [CpuidFeature.MMX]),
        (CpuFeature.Fxsr, [CpuidFeature.FXSR]),
        (CpuFeature.Sse, [CpuidFeature.SSE]),
        (CpuFeature.Sse2, [CpuidFeature.SSE2]),
        (CpuFeature.Sse3, [CpuidFeature.SSE3]),
        (CpuFeature.Ssse3, [CpuidFeature.SSSE3]),
        (CpuFeature.Sse41, [CpuidFeature.SSE4_1]),
        (CpuFeature.Sse42, [CpuidFeature.SSE4_2]),
        (CpuFeature.Popcnt, [CpuidFeature.POPCNT]),
        (CpuFeature.Cx16, [CpuidFeature.CMPXCHG16B]),
        (CpuFeature.Pclmulqdq, [CpuidFeature.PCLMULQDQ]),
        (CpuFeature.Aes, [CpuidFeature.AES]),
        (CpuFeature.Sha, [CpuidFeature.SHA]),
        (CpuFeature.Movbe, [CpuidFeature.MOVBE]),
        (CpuFeature.Xsave, [CpuidFeature.XSAVE]),
        (CpuFeature.XsaveOpt, [CpuidFeature.XSAVEOPT]),
        (CpuFeature.Xsavec, [CpuidFeature.XSAVEC]),
        (CpuFeature.Rdrand, [CpuidFeature.RDRAND]),
        (CpuFeature.Rdseed, [CpuidFeature.RDSEED]),
        (CpuFeature.FsGsBase, [CpuidFeature.FSGSBASE]),
        (CpuFeature.Avx, [CpuidFeature.AVX]),
        (CpuFeature.Avx2, [CpuidFeature.AVX2]),
        (CpuFeature.Fma, [CpuidFeature.FMA]),
        (CpuFeature.F16c, [CpuidFeature.F16C]),
        (CpuFeature.Bmi1, [CpuidFeature.BMI1]),
        (CpuFeature.Bmi2, [CpuidFeature.BMI2]),
        (CpuFeature.Abm, [CpuidFeature.LZCNT]),
        (CpuFeature.Adx, [CpuidFeature.ADX]),
        (CpuFeature.Invpcid, [CpuidFeature.INVPCID]),
        (CpuFeature.Smap, [CpuidFeature.SMAP]),
        (CpuFeature.Pku, [CpuidFeature.PKU]),
        (CpuFeature.ClflushOpt, [CpuidFeature.CLFLUSHOPT]),
        (CpuFeature.Clwb, [CpuidFeature.CLWB]),
        (CpuFeature.Rdpid, [CpuidFeature.RDPID]),
        (CpuFeature.Rdtscp, [CpuidFeature.RDTSCP]),
        (CpuFeature.PrefetchW, [CpuidFeature.PREFETCHW]),
        (CpuFeature.Syscall, [CpuidFeature.SYSCALL]),
    ];

    public static IEnumerable<CpuidFeature> For(IReadOnlyCollection<CpuFeature> features) =>
        s_always.Concat(s_optional.Where(o => features.Contains(o.Feature)).SelectMany(o => o.Instructions));
}
