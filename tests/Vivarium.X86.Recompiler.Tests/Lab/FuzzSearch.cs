using System.Diagnostics;

namespace Vivarium.X86.Tests;

/// <summary>
/// One thread of a long search: every n-th seed. The seed that runs is also in a file, if VIVARIUM_FUZZ_STATE names one, so that it is known
/// when emitted code takes the process down.
/// </summary>
/// <param name="first">Its first seed.</param>
/// <param name="step">How far its seeds are apart.</param>
/// <param name="most">How many cases there are at most, over all threads.</param>
/// <param name="mostFailures">After how many different failures it ends.</param>
/// <param name="forHost">Whether the host's processor is asked too.</param>
internal sealed class FuzzSearch(int first, int step, int most, int mostFailures, bool forHost)
{
    private readonly int _end = (int)Math.Min(int.MaxValue - (long)step, first + (long)most);
    private readonly int _first = first;
    private readonly Dictionary<string, string> _failures = [];
    private volatile int _seed = first;
    private long _compared;
    private long _discarded;
    private long _failed;

    public int Seed => _seed;

    public long Compared => Volatile.Read(ref _compared);

    public long Discarded => Volatile.Read(ref _discarded);

    public long Failed => Volatile.Read(ref _failed);

    /// <summary>The smallest failing cases with their differences, one for each set of instructions; read it when the thread has ended.</summary>
    public IReadOnlyCollection<string> Failures => _failures.Values;

    public Thread Start(TimeSpan time)
    {
        var thread = new Thread(() => Search(time)) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private ICaseComparison Open() => forHost ? new HostComparison(TestEngine.Create) : new LabComparison();

    private void Search(TimeSpan time)
    {
        using var record = SeedRecord.Open(_first);
        using var comparison = Open();
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < time && _seed < _end && _failures.Count < mostFailures; _seed += step)
        {
            record?.Set(_seed);
            var made = CaseGenerator.Create(_seed, forHost);
            if (comparison.Difference(made.Program!, made.State) is { } difference)
            {
                Volatile.Write(ref _failed, _failed + 1);
                Add(made, difference);
            }

            Volatile.Write(ref _compared, comparison.Compared);
            Volatile.Write(ref _discarded, comparison.Discarded);
        }
    }

    /// <summary>Makes it small on machines of its own: if it passes there, it needed what ran before.</summary>
    private void Add(LabCase made, string difference)
    {
        using var comparison = Open();
        if (comparison.Difference(made.Program!, made.State) is null)
        {
            Keep("", $"Seed {made.Seed} fails only after earlier ones (first seed {_first}, every {step}): {difference}\n{made}");
            return;
        }

        var smallest = CaseShrinker.Minimise(made, candidate => comparison.Difference(candidate.Program!, candidate.State) is not null);
        var instructions = string.Join(' ', smallest.Program!.Instructions.Select(instruction => instruction.Code));
        Keep(instructions, $"Seed {made.Seed}: {comparison.Difference(smallest.Program!, smallest.State)}\n{smallest}");
    }

    /// <summary>Says a failure at once too: a long search may be ended before it tells all.</summary>
    private void Keep(string instructions, string failure)
    {
        if (_failures.TryAdd(instructions, failure))
        {
            Console.Error.WriteLine(failure);
        }
    }
}
