namespace Vivarium.X86.Tests;

/// <summary>Runs a case that once differed, as <see cref="LabCase"/> prints it.</summary>
internal static class LabRegression
{
    public static void Check(LabMode mode, int offset, string code, string state)
    {
        using var comparison = new LabComparison();
        var difference = comparison.Difference(new LabProgram(mode, offset, Convert.FromHexString(code)), LabState.Parse(state));
        Assert.True(difference is null, difference);
        Assert.Equal(1, comparison.Compared);
    }
}
