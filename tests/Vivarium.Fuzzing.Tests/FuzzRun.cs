using System.Globalization;

namespace Vivarium.Fuzzing.Tests;

/// <summary>A long run of one target, on when VIVARIUM_FUZZ_TARGET is set (see eng/fuzz.sh), or one input again, from VIVARIUM_FUZZ_INPUT.</summary>
public sealed class FuzzRun
{
    [Fact]
    public void A_target_stands_a_long_run()
    {
        var name = Environment.GetEnvironmentVariable("VIVARIUM_FUZZ_TARGET") ?? "";
        Assert.SkipUnless(name.Length > 0, "Runs when VIVARIUM_FUZZ_TARGET is set: use eng/fuzz.sh.");
        Assert.True(FuzzTargets.All.TryGetValue(name, out var create), $"There is no target {name}; there are {string.Join(", ", FuzzTargets.All.Keys)}.");
        using var target = create(Environment.GetEnvironmentVariable("VIVARIUM_FUZZ_PLANTED") == "1");
        if (Environment.GetEnvironmentVariable("VIVARIUM_FUZZ_INPUT") is { Length: > 0 } path)
        {
            target.Execute(File.ReadAllBytes(path), new Features());
            return;
        }

        var file = Environment.GetEnvironmentVariable("VIVARIUM_FUZZ_RECORD");
        using var record = file is { Length: > 0 } ? new InputRecord(file) : null;
        var folder = Environment.GetEnvironmentVariable("VIVARIUM_FUZZ_CORPUS") is { Length: > 0 } corpus ? new InputFolder(corpus) : null;
        var runner = new FuzzRunner(target, Setting("VIVARIUM_FUZZ_SEED", 1), record: record, folder: folder, eachMinute: Tell);
        var failure = runner.Run(TimeSpan.FromSeconds(Setting("VIVARIUM_FUZZ_SECONDS", 60)));
        Tell(runner);
        if (failure is not null && file is { Length: > 0 })
        {
            File.WriteAllBytes(file + ".failed", failure.Input);
        }

        Assert.True(failure is null, failure?.ToString());

        void Tell(FuzzRunner run) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name}: {run.Inputs:N0} inputs, {run.CorpusCount:N0} kept, {run.FeatureCount:N0} features and edges"));
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
