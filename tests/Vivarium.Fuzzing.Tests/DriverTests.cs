namespace Vivarium.Fuzzing.Tests;

/// <summary>What the fuzzers keep of what they tried.</summary>
public sealed class DriverTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vivarium-fuzz-corpus");

    [Fact]
    public void What_is_reached_by_chance_is_not_kept()
    {
        using var target = new LengthTarget { IsNoisy = true };
        var runner = new FuzzRunner(target, 1);
        Assert.Null(runner.Run(TimeSpan.FromMilliseconds(200)));
        Assert.True(runner.FeatureCount > 100, "The target was to be noisy.");
        Assert.Equal(target.Seeds.Count, runner.CorpusCount);
    }

    [Fact]
    public void A_run_goes_on_from_the_inputs_of_the_one_before()
    {
        using var target = new LengthTarget();
        var first = new FuzzRunner(target, 1, folder: new InputFolder(_folder.FullName));
        Assert.Null(first.Run(TimeSpan.FromMilliseconds(200)));
        Assert.InRange(first.CorpusCount, 3, LengthTarget.MostLengths);

        var second = new FuzzRunner(target, 2, folder: new InputFolder(_folder.FullName));
        Assert.Null(second.Run(TimeSpan.Zero));
        Assert.Equal(first.CorpusCount, second.CorpusCount);
        Assert.Equal(first.FeatureCount, second.FeatureCount);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Reaches a feature for each magnitude of an input's length, or another each time.</summary>
    private sealed class LengthTarget : FuzzTarget
    {
        public const int MostLengths = 14;
        private int _runs;

        public bool IsNoisy { get; init; }

        public override IReadOnlyList<byte[]> Seeds { get; } = [[1]];

        public override void Execute(ReadOnlySpan<byte> input, Features reached)
        {
            if (IsNoisy)
            {
                reached.Note(1, _runs++);
            }
            else
            {
                reached.NoteMagnitude(0, input.Length);
            }
        }
    }
}
