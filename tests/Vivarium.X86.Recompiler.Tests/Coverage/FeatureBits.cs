using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// Which bit of CPUID says that there are instructions of a kind: leaf (7 with sub-leaf 0), register (EAX to EDX) and bit, from the tables of Intel
/// SDM Vol. 2A (CPUID) and, for the extended leaf, of AMD APM Vol. 3 appendix E.
/// </summary>
internal static class FeatureBits
{
    private const uint Extended = 0x8000_0001;
    private const int Ebx = 1;
    private const int Ecx = 2;
    private const int Edx = 3;

    public static IReadOnlyDictionary<CpuidFeature, (uint Leaf, int Register, int Bit)> All { get; } = new Dictionary<CpuidFeature, (uint, int, int)>
    {
        [CpuidFeature.CX8] = (1, Edx, 8),
        [CpuidFeature.CMOV] = (1, Edx, 15),
        [CpuidFeature.MMX] = (1, Edx, 23),
        [CpuidFeature.FXSR] = (1, Edx, 24),
        [CpuidFeature.SSE] = (1, Edx, 25),
        [CpuidFeature.SSE2] = (1, Edx, 26),
        [CpuidFeature.SSE3] = (1, Ecx, 0),
        [CpuidFeature.PCLMULQDQ] = (1, Ecx, 1),
        [CpuidFeature.SSSE3] = (1, Ecx, 9),
        [CpuidFeature.FMA] = (1, Ecx, 12),
        [CpuidFeature.CMPXCHG16B] = (1, Ecx, 13),
        [CpuidFeature.SSE4_1] = (1, Ecx, 19),
        [CpuidFeature.SSE4_2] = (1, Ecx, 20),
        [CpuidFeature.MOVBE] = (1, Ecx, 22),
        [CpuidFeature.POPCNT] = (1, Ecx, 23),
        [CpuidFeature.AES] = (1, Ecx, 25),
        [CpuidFeature.XSAVE] = (1, Ecx, 26),
        [CpuidFeature.AVX] = (1, Ecx, 28),
        [CpuidFeature.F16C] = (1, Ecx, 29),
        [CpuidFeature.RDRAND] = (1, Ecx, 30),
        [CpuidFeature.FSGSBASE] = (7, Ebx, 0),
        [CpuidFeature.BMI1] = (7, Ebx, 3),
        [CpuidFeature.AVX2] = (7, Ebx, 5),
        [CpuidFeature.BMI2] = (7, Ebx, 8),
        [CpuidFeature.RDSEED] = (7, Ebx, 18),
        [CpuidFeature.ADX] = (7, Ebx, 19),
        [CpuidFeature.SMAP] = (7, Ebx, 20),
        [CpuidFeature.CLFLUSHOPT] = (7, Ebx, 23),
        [CpuidFeature.SHA] = (7, Ebx, 29),
        [CpuidFeature.PKU] = (7, Ecx, 3),
        [CpuidFeature.WAITPKG] = (7, Ecx, 5),
        [CpuidFeature.GFNI] = (7, Ecx, 8),
        [CpuidFeature.VAES] = (7, Ecx, 9),
        [CpuidFeature.VPCLMULQDQ] = (7, Ecx, 10),
        [CpuidFeature.RDPID] = (7, Ecx, 22),
        [CpuidFeature.MOVDIRI] = (7, Ecx, 27),
        [CpuidFeature.MOVDIR64B] = (7, Ecx, 28),
        [CpuidFeature.SERIALIZE] = (7, Edx, 14),
        [CpuidFeature.SSE4A] = (Extended, Ecx, 6),
        [CpuidFeature.RDTSCP] = (Extended, Edx, 27),
    };
}
