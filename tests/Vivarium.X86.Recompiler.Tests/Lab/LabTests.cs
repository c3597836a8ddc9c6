using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>Random programs on the interpreter and on the recompiler: whatever the guest can see must be the same.</summary>
public sealed class LabTests : IDisposable
{
    private readonly LabComparison _comparison = new();

    [Property(MaxTest = 4000, Arbitrary = [typeof(Arbitraries)], QuietOnSuccess = true)]
    public void EnginesAgree(CaseBox box)
    {
        var difference = box.Difference(_comparison);
        Assert.True(difference is null, difference);
    }

    public void Dispose() => _comparison.Dispose();

    /// <summary>A case as properties take it, which must be public.</summary>
    public sealed class CaseBox
    {
        internal CaseBox(LabCase made) => Case = made;

        internal LabCase Case { get; }

        public override string ToString() => Case.ToString();

        internal string? Difference(ICaseComparison comparison) => Case.Program is { } program ? comparison.Difference(program, Case.State) : null;
    }

    public static class Arbitraries
    {
        public static Arbitrary<CaseBox> Case() => Arb.From(
            Gen.Choose(0, int.MaxValue - 1).Select(seed => new CaseBox(CaseGenerator.Create(seed))),
            box => CaseShrinker.Shrink(box.Case).Select(smaller => new CaseBox(smaller)));
    }
}
