using System.Diagnostics;

namespace Vivarium.Fuzzing.Tests;

/// <summary>
/// Runs a target on the seeds and on mutations of inputs that reached something new, until the time is over or an input fails: by an exception, by
/// taking too long, or by allocating too much. The inputs of a seed are the same each time, but for targets that use threads of their own and for
/// inputs of earlier runs.
/// </summary>
internal sealed class FuzzRunner(FuzzTarget target, int seed, FuzzLimits? limits = null, InputRecord? record = null, InputFolder? folder = null, Action<FuzzRunner>? eachMinute = null)
{
    private const int MaxCorpus = 4096;
    private readonly FuzzLimits _limits = limits ?? new FuzzLimits();
    private readonly Random _random = new(seed);
    private readonly List<byte[]> _corpus = [];
    private readonly Features _features = new();
    private byte[] _current = [];
    private long _started;

    /// <summary>Inputs that ran.</summary>
    public long Inputs { get; private set; }

    public int CorpusCount => _corpus.Count;

    public int FeatureCount => _features.Total;

    /// <summary>Runs for a time; the first failure, made small, or null.</summary>
    public FuzzFailure? Run(TimeSpan time)
    {
        FuzzFailure? failure = null;
        var thread = new Thread(() => failure = Search(time)) { IsBackground = true, Name = "fuzz", Priority = ThreadPriority.BelowNormal };
        thread.Start();
        var clock = Stopwatch.StartNew();
        for (var told = 0; !thread.Join(100);)
        {
            if (clock.Elapsed.TotalMinutes >= told + 1)
            {
                told++;
                eachMinute?.Invoke(this);
            }

            var started = Volatile.Read(ref _started);
            if (started != 0 && Stopwatch.GetElapsedTime(started) > _limits.Time)
            {
                // The thread cannot be ended; the process is about to be.
                return new FuzzFailure(_current, $"An input took more than {_limits.Time.TotalSeconds:F0} s", "", Inputs);
            }
        }

        return failure;
    }

    private FuzzFailure? Search(TimeSpan time)
    {
        var clock = Stopwatch.StartNew();
        foreach (var each in target.Seeds)
        {
            _features.Begin();
            if (Try(each) is { } failure)
            {
                return Shrink(failure);
            }

            _features.End();
        }

        _corpus.AddRange(target.Seeds);
        foreach (var each in folder?.Read() ?? [])
        {
            if (TryNew(each, isKnown: true) is { } failure)
            {
                return Shrink(failure);
            }
        }

        var mutator = new Mutator(_random, target.Words, target.MaxInputBytes);
        while (clock.Elapsed < time)
        {
            if (TryNew(mutator.Mutate(Pick(), Pick()), isKnown: false) is { } failure)
            {
                return Shrink(failure);
            }
        }

        return null;
    }

    /// <summary>Runs an input, and keeps it if it reaches something new each time.</summary>
    private FuzzFailure? TryNew(byte[] input, bool isKnown)
    {
        _features.Begin();
        if (Try(input) is { } failure)
        {
            return failure;
        }

        if (!_features.End())
        {
            return null;
        }

        _features.BeginAgain();
        if (Try(input) is { } second)
        {
            return second;
        }

        if (!_features.EndAgain())
        {
            return null;
        }

        if (_corpus.Count == MaxCorpus)
        {
            _corpus[_random.Next(target.Seeds.Count, MaxCorpus)] = input;
            return null;
        }

        _corpus.Add(input);
        if (!isKnown)
        {
            folder?.Write(input);
        }

        return null;
    }

    /// <summary>One of all, of the last that were new, or of the seeds.</summary>
    private byte[] Pick() => _corpus[_random.Next(3) switch
    {
        0 => _random.Next(_corpus.Count),
        1 => _random.Next(Math.Max(0, _corpus.Count - 32), _corpus.Count),

        // Among hundreds the first, which are whole and short, would hardly be chosen any more.
        _ => _random.Next(Math.Max(1, target.Seeds.Count)),
    }];

    private FuzzFailure? Try(byte[] input)
    {
        Inputs++;
        _current = input;
        record?.Write(input);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        Volatile.Write(ref _started, Stopwatch.GetTimestamp());
        try
        {
            target.Execute(input, _features);
        }
        catch (Exception error)
        {
            return new FuzzFailure(input, $"{error.GetType().Name} {Where(error)}", error.ToString(), Inputs);
        }
        finally
        {
            Volatile.Write(ref _started, 0);
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        return allocated <= _limits.MemoryBytes ? null : new FuzzFailure(input, "Too much memory", $"{allocated:N0} bytes were allocated", Inputs);
    }

    /// <summary>Takes pieces out while the failure stays the same.</summary>
    private FuzzFailure Shrink(FuzzFailure failure)
    {
        var found = Inputs;
        var clock = Stopwatch.StartNew();
        for (var piece = Math.Max(1, failure.Input.Length / 2); piece > 0; piece /= 2)
        {
            for (var at = 0; at < failure.Input.Length && clock.Elapsed.TotalSeconds < 10;)
            {
                byte[] smaller = [.. failure.Input.AsSpan(0, at), .. failure.Input.AsSpan(Math.Min(at + piece, failure.Input.Length))];
                if (Try(smaller) is { } same && same.What == failure.What)
                {
                    failure = same;
                }
                else
                {
                    at += piece;
                }
            }
        }

        return failure with { Inputs = found };
    }

    private static string Where(Exception error) =>
        new StackTrace(error).GetFrames().Select(frame => frame.GetMethod()).FirstOrDefault(method => method?.DeclaringType?.Namespace?.StartsWith("Vivarium", StringComparison.Ordinal) == true) is { } method
            ? $"in {method.DeclaringType!.Name}.{method.Name}"
            : "";
}
