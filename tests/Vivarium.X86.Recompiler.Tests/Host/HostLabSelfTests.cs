using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>That the host is asked what it should be, and that a case which ends its process is reported and the next one answered.</summary>
public sealed class HostLabSelfTests
{
    private const int Cases = 3000;

    private static readonly LabState s_state = LabState.Parse("rsp=5f1000 flags=202");

    [Fact]
    public void CasesReachEveryKindOfException()
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var comparison = new HostComparison(static () => null);
        for (var seed = 1; seed <= Cases; seed++)
        {
            var made = CaseGenerator.Create(seed, forHost: true);
            Assert.Null(comparison.Difference(made.Program!, made.State));
        }

        var seen = string.Join(' ', comparison.Ends.Select((count, vector) => $"{vector}:{count}"));
        TestContext.Current.TestOutputHelper?.WriteLine($"{comparison.Compared} compared, {comparison.Discarded} discarded; {seen}");
        Assert.True(comparison.Discarded < Cases / 10, seen);
        Assert.All((int[])[0, 1, 3, 6, 12, 13, 14, 16, 17, 19], vector => Assert.True(comparison.Ends[vector] > 0, seen));
    }

    [Fact]
    public void TheCatalogueHasEverySetOfInstructionsThatTheHostHas()
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        var features = HostDifferences.Instructions.Codes.SelectMany(code => code.CpuidFeatures()).Distinct().ToList();
        CpuidFeature[] wanted =
        [
            CpuidFeature.X64, CpuidFeature.FPU, CpuidFeature.MMX, CpuidFeature.SSE, CpuidFeature.SSE2, CpuidFeature.SSE3, CpuidFeature.SSSE3, CpuidFeature.SSE4_1, CpuidFeature.SSE4_2,
            CpuidFeature.AES, CpuidFeature.PCLMULQDQ, CpuidFeature.SHA, CpuidFeature.BMI1, CpuidFeature.BMI2, CpuidFeature.ADX, CpuidFeature.AVX, CpuidFeature.AVX2, CpuidFeature.FMA,
            CpuidFeature.F16C, CpuidFeature.LZCNT, CpuidFeature.POPCNT, CpuidFeature.MOVBE, CpuidFeature.CMPXCHG16B,
        ];
        Assert.All(wanted.Where(HostFeatures.Has), feature => Assert.Contains(feature, features));
    }

    [Theory]
    [InlineData("B8270000000F05", "it died")]
    [InlineData("B8E70000000F05", "it died")]
    [InlineData("EBFE", "it ran for too long")]
    public void AChildThatIsLostIsReplaced(string code, string end)
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var host = new HostMachine(limitMilliseconds: 500);
        Assert.Null(host.Run(Program("B82A000000"), s_state));
        Assert.Equal(42u, host.Outcome.Gpr[0]);
        Assert.Contains(end, host.Run(Program(code), s_state), StringComparison.Ordinal);
        Assert.Null(host.Run(Program("B82B000000"), s_state));
        Assert.Equal(43u, host.Outcome.Gpr[0]);
    }

    [Fact]
    public void AWrongResultIsFoundAndItsCaseMadeSmall()
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var comparison = new HostComparison(static () => new WrongProvider());
        var made = Enumerable.Range(1, Cases).Select(seed => CaseGenerator.Create(seed, forHost: true)).First(Fails);
        var smallest = CaseShrinker.Minimise(made, Fails);
        Assert.True(smallest.Steps.Count <= 2, smallest.ToString());
        Assert.Contains("HostRegression.Check(", smallest.ToString(), StringComparison.Ordinal);

        bool Fails(LabCase candidate) => comparison.Difference(candidate.Program!, candidate.State) is not null;
    }

    private static LabProgram Program(string code) => new(LabMode.User64, 0, Convert.FromHexString(code));
}
