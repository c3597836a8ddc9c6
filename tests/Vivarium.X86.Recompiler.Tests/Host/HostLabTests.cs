using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>
/// Random sequences of user instructions, faults included, on the host's processor in a child process, on the interpreter and on the recompiler:
/// the same registers, flags, memory, exception.
/// </summary>
public sealed class HostLabTests : IDisposable
{
    private readonly HostComparison? _comparison = HostMachine.IsSupported ? new HostComparison(TestEngine.Create) : null;

    [Property(MaxTest = 20_000, Arbitrary = [typeof(Arbitraries)], QuietOnSuccess = true)]
    public void EnginesMatchTheHost(LabTests.CaseBox box)
    {
        // Elsewhere there is no such processor to ask; the engines are compared with each other in LabTests.
        var difference = _comparison is null ? null : box.Difference(_comparison);
        Assert.True(difference is null, difference);
    }

    public void Dispose() => _comparison?.Dispose();

    public static class Arbitraries
    {
        public static Arbitrary<LabTests.CaseBox> Case() => Arb.From(
            Gen.Choose(0, int.MaxValue - 1).Select(seed => new LabTests.CaseBox(CaseGenerator.Create(seed, forHost: true))),
            box => CaseShrinker.Shrink(box.Case).Select(smaller => new LabTests.CaseBox(smaller)));
    }
}
