using System.Diagnostics;
using System.Globalization;

namespace Vivarium.X86.Tests;

/// <summary>
/// Makes a case small that takes the process down, when VIVARIUM_FUZZ_CRASH names its seed (see eng/fuzz-cpu.sh): each attempt runs in a process
/// of its own, which gets its case in VIVARIUM_FUZZ_CASE.
/// </summary>
public sealed class CrashRun
{
    private const string Case = "VIVARIUM_FUZZ_CASE";
    private const int LongestMilliseconds = 20_000;

    [Fact]
    public void OneCase()
    {
        var text = Environment.GetEnvironmentVariable(Case);
        Assert.SkipUnless(text is { Length: > 0 }, $"Runs when {Case} is set.");
        var parts = text!.Split('|');
        LabRegression.Check(Enum.Parse<LabMode>(parts[0]), int.Parse(parts[1], CultureInfo.InvariantCulture), parts[2], parts[3]);
    }

    [Fact]
    public void Minimise()
    {
        Assert.SkipUnless(int.TryParse(Environment.GetEnvironmentVariable("VIVARIUM_FUZZ_CRASH"), CultureInfo.InvariantCulture, out var seed), "Runs when VIVARIUM_FUZZ_CRASH is set.");
        var made = CaseGenerator.Create(seed, FuzzRun.ForHost);
        if (!Crashes(made))
        {
            Console.Error.WriteLine($"Seed {seed} alone does not end the process.");
            return;
        }

        Assert.Fail($"Seed {seed} ends the process:\n{CaseShrinker.Minimise(made, Crashes)}");
    }

    /// <summary>Whether a process that runs the case dies or hangs, rather than reporting a result.</summary>
    private static bool Crashes(LabCase made)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList = { typeof(CrashRun).Assembly.Location, "-class", typeof(CrashRun).FullName! },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("VIVARIUM_FUZZ_CRASH");
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment[Case] = string.Create(CultureInfo.InvariantCulture, $"{made.Mode}|{made.Offset}|{Convert.ToHexString(made.Program!.Code)}|{made.State}");
        using var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (!process.WaitForExit(LongestMilliseconds))
        {
            process.Kill();
            return true;
        }

        return process.ExitCode is not (0 or 1);
    }
}
