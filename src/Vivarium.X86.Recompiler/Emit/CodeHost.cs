using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Vivarium.X86;

/// <summary>What the host's processor has that emitted code may use.</summary>
internal static class CodeHost
{
    private static readonly bool[] s_missing = FindMissing();

    /// <summary>AVX and AVX2, and a system that keeps their registers.</summary>
    public static bool HasAvx => Avx2.IsSupported;

    public static bool HasBmi2 => Bmi2.IsSupported;

    /// <summary>Whether the host executes an instruction of the allow-list.</summary>
    public static bool Runs(in Instruction instruction)
    {
        foreach (var feature in instruction.CpuidFeatures)
        {
            if (s_missing[(int)feature])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Features are absent only if they are named here: x64 processors have the others of the allow-list.</summary>
    private static bool[] FindMissing()
    {
        var (_, _, basicC, _) = X86Base.CpuId(1, 0);
        var (highest, _, _, _) = X86Base.CpuId(0, 0);
        var extendedB = highest >= 7 ? X86Base.CpuId(7, 0).Ebx : 0;
        var lzcnt = X86Base.CpuId(unchecked((int)0x80000001), 0).Ecx;
        var missing = new bool[Enum.GetValues<CpuidFeature>().Length];
        Look(CpuidFeature.SSE3, basicC, 0);
        Look(CpuidFeature.PCLMULQDQ, basicC, 1);
        Look(CpuidFeature.SSSE3, basicC, 9);
        Look(CpuidFeature.FMA, basicC, 12);
        Look(CpuidFeature.SSE4_1, basicC, 19);
        Look(CpuidFeature.SSE4_2, basicC, 20);
        Look(CpuidFeature.MOVBE, basicC, 22);
        Look(CpuidFeature.POPCNT, basicC, 23);
        Look(CpuidFeature.AES, basicC, 25);
        Look(CpuidFeature.F16C, basicC, 29);
        Look(CpuidFeature.BMI1, extendedB, 3);
        Look(CpuidFeature.BMI2, extendedB, 8);
        Look(CpuidFeature.ADX, extendedB, 19);
        Look(CpuidFeature.SHA, extendedB, 29);
        Look(CpuidFeature.LZCNT, lzcnt, 5);
        missing[(int)CpuidFeature.AVX] = !HasAvx;
        missing[(int)CpuidFeature.AVX2] = !HasAvx;
        missing[(int)CpuidFeature.FMA] |= !HasAvx;
        missing[(int)CpuidFeature.F16C] |= !HasAvx;
        return missing;

        void Look(CpuidFeature feature, int register, int bit) => missing[(int)feature] = (register >> bit & 1) == 0;
    }
}
