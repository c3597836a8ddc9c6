namespace Vivarium.X86.Tests;

/// <summary>docs/isa-coverage.md says what is measured. With VIVARIUM_ISA_COVERAGE set to a file it is written there instead (see eng/measure-isa-coverage.sh).</summary>
public sealed class IsaCoverageTests
{
    private const string Page = "docs/isa-coverage.md";

    [Fact]
    public void ThePageSaysWhatIsMeasured()
    {
        Assert.SkipUnless(HostMachine.IsSupported && CodeHost.HasAvx, "Needs a Linux x64 host with AVX2.");
        var missing = string.Join(", ", IsaCoverage.Missing);
        Assert.SkipUnless(missing.Length == 0, $"This host cannot measure it: it lacks {missing}.");
        var measured = IsaCoverageTable.Write(IsaCoverage.Measure());
        if (Environment.GetEnvironmentVariable("VIVARIUM_ISA_COVERAGE") is { Length: > 0 } file)
        {
            File.WriteAllText(file, measured);
            return;
        }

        var committed = File.ReadAllText(Path.Combine(Root(), Page)).ReplaceLineEndings("\n");
        Assert.True(committed == measured, $"{Page} is out of date at line {FirstDifference(committed, measured)}. Run eng/measure-isa-coverage.sh and commit what it writes.");
    }

    private static string FirstDifference(string committed, string measured)
    {
        var (old, now) = (committed.Split('\n'), measured.Split('\n'));
        var line = old.AsSpan().CommonPrefixLength(now);
        return $"{line + 1}, which should be \"{(line < now.Length ? now[line] : "")}\"";
    }

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Sdk.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("This test reads the repository and must be run from a build inside it.");
    }
}
