using System.Diagnostics;

namespace Vivarium.X86.Tests;

/// <summary>
/// One thread of a long search: every n-th seed. The seed that runs is also in a file, if VIVARIUM_FUZZ_STATE names one, so that it is known
/// when emitted code takes the process down.
/// </summary>
internal sealed class FuzzSearch(int first, int step, int most)
{
    private readonly int _end = (int)Math.Min(int.MaxValue - (long)step, first + (long)most);
    private readonly int _first = first;
    private volatile int _seed = first;
    private long _compared;
    private long _discarded;

    public int Seed => _seed;

    public long Compared => Volatile.Read(ref _compared);

    public long Discarded => Volatile.Read(ref _discarded);

    /// <summary>The smallest failing case with its difference.</summary>
    public string? Failure { get; private set; }

    public Thread Start(TimeSpan time)
    {
        var thread = new Thread(() => Search(time)) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private void Search(TimeSpan time)
    {
        using var record = SeedRecord.Open(_first);
        using var comparison = new LabComparison(TestEngine.Create);
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < time && _seed < _end; _seed += step)
        {
            record?.Set(_seed);
            var made = CaseGenerator.Create(_seed);
            if (comparison.Difference(made.Program!, made.State) is { } difference)
            {
                Failure = Describe(made, difference);
                return;
            }

            Volatile.Write(ref _compared, comparison.Compared);
            Volatile.Write(ref _discarded, comparison.Discarded);
        }
    }

    /// <summary>Makes it small on machines of its own: if it passes there, it needed what ran before.</summary>
    private string Describe(LabCase made, string difference)
    {
        if (Difference(made) is null)
        {
            return $"Seed {made.Seed} fails only after earlier ones (first seed {_first}, every {step}): {difference}\n{made}";
        }

        var smallest = CaseShrinker.Minimise(made, candidate => Difference(candidate) is not null);
        return $"Seed {made.Seed}: {Difference(smallest)}\n{smallest}";
    }

    private static string? Difference(LabCase made)
    {
        using var comparison = new LabComparison(TestEngine.Create);
        return comparison.Difference(made.Program!, made.State);
    }
}
