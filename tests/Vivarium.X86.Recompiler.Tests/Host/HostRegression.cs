namespace Vivarium.X86.Tests;

/// <summary>Runs a case that once differed from the host, as <see cref="LabCase"/> prints it.</summary>
internal static class HostRegression
{
    public static void Check(LabMode mode, int offset, string code, string state)
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var comparison = new HostComparison(TestEngine.Create);
        var difference = comparison.Difference(new LabProgram(mode, offset, Convert.FromHexString(code)), LabState.Parse(state));
        Assert.True(difference is null, difference);
        Assert.Equal(1, comparison.Compared);
    }
}
