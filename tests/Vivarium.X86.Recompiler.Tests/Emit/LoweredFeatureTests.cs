using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What the host must have for an instruction to run on it, for each that is lowered.</summary>
public sealed class LoweredFeatureTests
{
    /// <summary>What every x64 processor has.</summary>
    private static readonly HashSet<CpuidFeature> s_always =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL386, CpuidFeature.INTEL486, CpuidFeature.X64, CpuidFeature.FPU, CpuidFeature.FPU287,
        CpuidFeature.FPU387, CpuidFeature.CMOV, CpuidFeature.CX8, CpuidFeature.MMX, CpuidFeature.SSE, CpuidFeature.SSE2,
    ];

    /// <summary>What <see cref="CodeHost"/> asks CPUID for.</summary>
    private static readonly HashSet<CpuidFeature> s_asked =
    [
        CpuidFeature.SSE3, CpuidFeature.SSSE3, CpuidFeature.SSE4_1, CpuidFeature.SSE4_2, CpuidFeature.POPCNT, CpuidFeature.LZCNT, CpuidFeature.MOVBE, CpuidFeature.CMPXCHG16B,
        CpuidFeature.AES, CpuidFeature.PCLMULQDQ, CpuidFeature.SHA, CpuidFeature.ADX, CpuidFeature.BMI1, CpuidFeature.BMI2, CpuidFeature.AVX, CpuidFeature.AVX2, CpuidFeature.FMA,
        CpuidFeature.F16C,
    ];

    /// <summary>Encodings of processors that are no x64 hosts, with mnemonics that others share.</summary>
    private static readonly HashSet<CpuidFeature> s_never =
        [CpuidFeature.INTEL8086_ONLY, CpuidFeature.INTEL486_A_ONLY, CpuidFeature.MOV_TR, CpuidFeature.KNC, CpuidFeature.TBM];

    [Fact]
    public void EachHasAnAnswer()
    {
        Assert.SkipUnless(X86Base.X64.IsSupported, "Needs an x64 host.");
        var features = Lowered().SelectMany(lowered => lowered.Instruction.CpuidFeatures).ToHashSet();
        Assert.Empty(features.Except(s_always).Except(s_asked).Except(s_never));
        Assert.Empty(s_always.Concat(s_asked).Concat(s_never).Except(features));
        Assert.All(s_always, feature => Assert.True(CodeHost.Has(feature)));
        Assert.All(s_never, feature => Assert.False(CodeHost.Has(feature)));
    }

    /// <summary>
    /// All but the move of an immediate, which is what operands make of a MOV, jumps that are followed, which is what a run makes of them, and what is
    /// written in other instructions of the host.
    /// </summary>
    [Fact]
    public void EachKindRunsOnThisHost()
    {
        Assert.SkipUnless(CodeHost.HasAvx, "Needs a host with AVX2.");
        var traits = new InstructionTraits.Table();
        var kinds = Lowered().Where(lowered => traits.Of(lowered.Instruction).IsOnHost).Select(lowered => lowered.Kind).ToHashSet();
        Assert.Empty(Enum.GetValues<LoweringKind>().Where(kind => kind is < LoweringKind.AccessControl or > LoweringKind.CheckedJump).Except([LoweringKind.Interpret, LoweringKind.Nothing, LoweringKind.MoveImmediate]).Except(kinds));
    }

    private static IEnumerable<(Instruction Instruction, LoweringKind Kind)> Lowered()
    {
        foreach (var code in Enum.GetValues<Code>())
        {
            var instruction = new Instruction { Code = code };
            var kind = LoweringTable.Of(instruction);
            if (kind is not (LoweringKind.Interpret or LoweringKind.Nothing))
            {
                yield return (instruction, kind);
            }
        }
    }
}
