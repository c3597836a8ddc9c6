using Spectre.Console;

namespace Vivarium.Measurements;

/// <summary>How much processor time a vCPU's thread still uses after it was asked to stop, and for a budget of one instruction.</summary>
internal static class StopLatency
{
    private const int Stops = 600;
    private const double AllowedMicroseconds = 100;
    private static readonly TimeSpan s_warmUp = TimeSpan.FromMilliseconds(400);

    public static int Run(MeasurementOptions options)
    {
        var report = new Report("From RequestStop to the return of Run, and Run of one instruction, in µs of the vCPU thread's processor time", options.MarkdownFile,
            "engine", "where the guest is", "stop: median", "99 %", "worst", "budget: median", "99 %", "worst", "must, 99 %");
        foreach (var engine in options.Engines)
        {
            var name = engine.ToString().ToLowerInvariant();
            foreach (var (where, body) in EndlessGuest.Bodies)
            {
                AnsiConsole.WriteLine($"Measuring {where} on the {name}");
                using var guest = new EndlessGuest(body, engine);
                var stops = MeasureStops(guest);
                var budgets = MeasureBudgets(guest);
                report.Add(
                    At(stops, 0.99) <= AllowedMicroseconds && At(budgets, 0.99) <= AllowedMicroseconds,
                    [name, where, .. Show(stops), .. Show(budgets), $"≤ {AllowedMicroseconds:F0}"]);
            }
        }

        return report.Finish();
    }

    private static double[] MeasureStops(EndlessGuest guest)
    {
        var used = new double[Stops];
        var clock = default(ThreadClock);
        var askedNs = 0L;
        using var running = new SemaphoreSlim(0);
        using var stopped = new SemaphoreSlim(0);
        var thread = new Thread(() =>
        {
            clock = ThreadClock.OfThisThread();
            for (var i = 0; i < Stops; i++)
            {
                running.Release();
                guest.Cpu.Run(long.MaxValue);
                var returnedNs = clock.ReadNs();
                used[i] = (returnedNs - Volatile.Read(ref askedNs)) / 1000.0;
                stopped.Release();
            }
        });
        thread.Start();
        for (var i = 0; i < Stops; i++)
        {
            running.Wait();
            Thread.Sleep(i == 0 ? s_warmUp : TimeSpan.FromMilliseconds(Random.Shared.Next(1, 4)));

            // Before the request, not after it: what the thread uses between the two counts against us.
            Volatile.Write(ref askedNs, clock.ReadNs());
            guest.Cpu.RequestStop();
            stopped.Wait();
        }

        thread.Join();
        return [.. used.Order()];
    }

    private static double[] MeasureBudgets(EndlessGuest guest)
    {
        var used = new double[Stops];
        var thread = new Thread(() =>
        {
            var clock = ThreadClock.OfThisThread();
            for (var i = 0; i < Stops; i++)
            {
                var before = clock.ReadNs();
                guest.Cpu.Run(1);
                used[i] = (clock.ReadNs() - before) / 1000.0;
            }
        });
        thread.Start();
        thread.Join();
        return [.. used.Order()];
    }

    private static double At(double[] sorted, double share) => sorted[(int)(share * (sorted.Length - 1))];

    private static string[] Show(double[] sorted) => [$"{At(sorted, 0.5):F1}", $"{At(sorted, 0.99):F1}", $"{sorted[^1]:F1}"];
}
