using Spectre.Console;
using Vivarium.Scheduling;

namespace Vivarium.Measurements;

/// <summary>What idle machines with a booted Debian guest take from the host's processors.</summary>
internal static class IdleCost
{
    private const double AllowedShare = 0.003;
    private const int Machines = 100;
    private const int Windows = 3;
    private const ulong MemoryBytes = 128 << 20;
    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(MeasurementOptions options)
    {
        var report = new Report("Idle cost", options.MarkdownFile, "what", "must", "measured");
        var guest = new LinuxGuest("cloud");
        using var snapshot = new MemoryStream();
        await MeasureOneAsync(report, guest, options.OneEngine, snapshot);
        await MeasureManyAsync(report, guest, options.OneEngine, snapshot);
        return report.Finish();
    }

    private static async Task MeasureOneAsync(Report report, LinuxGuest guest, ExecutionEngine engine, MemoryStream snapshot)
    {
        Say("Measuring one idle guest");
        await using var vm = guest.CreateBuilder(MemoryBytes, engine).Build();
        await vm.StartAsync();
        await new GuestText(vm.Console).WaitForAsync(LinuxGuest.Prompt, s_patience);
        await Task.Delay(s_settling);
        var shares = new List<double>();
        var before = vm.Usage[0].Instructions;
        for (var window = 0; window < Windows; window++)
        {
            shares.Add(await HostProcess.CoreShareAsync(s_period));
        }

        var perSecond = (vm.Usage[0].Instructions - before) / (Windows * s_period.TotalSeconds);
        var share = Median.Of(shares);
        report.Add(
            share <= AllowedShare, "one idle Debian guest, 20 s", $"≤ {AllowedShare:P1} of a core",
            $"median {share:P2} of {string.Join(", ", shares.Select(each => $"{each:P2}"))}; the guest executes {perSecond / 1000:F0} thousand instructions a second");
        await vm.SaveAsync(snapshot);
    }

    private static async Task MeasureManyAsync(Report report, LinuxGuest guest, ExecutionEngine engine, MemoryStream snapshot)
    {
        Say($"Restoring {Machines} idle guests");
        using var timers = new VmTimerService();
        using var scheduler = new WorkerPoolScheduler();
        var machines = new List<VirtualMachine>();
        var residentBefore = HostProcess.ResidentBytes();
        for (var i = 0; i < Machines; i++)
        {
            var vm = guest.CreateBuilder(MemoryBytes, engine).WithName($"idle-{i}").WithScheduler(scheduler).WithTimerService(timers).Build();
            snapshot.Position = 0;
            await vm.RestoreAsync(snapshot);
            await vm.StartAsync();
            machines.Add(vm);
        }

        await Task.Delay(s_settling);
        Say($"Measuring {Machines} idle guests");
        var share = await HostProcess.CoreShareAsync(s_period);
        var resident = (HostProcess.ResidentBytes() - residentBefore) >> 20;
        report.Add(
            share <= AllowedShare * Machines, $"{Machines} idle Debian guests at once, 20 s", $"≤ {AllowedShare * Machines:P0} of a core",
            $"{share:P1}, that is {share / Machines:P2} each; {resident / Machines} MiB resident each");

        // Proof that they live: each still answers.
        var answers = 0;
        foreach (var vm in machines)
        {
            var text = new GuestText(vm.Console);
            answers += await text.RunAsync("echo $((6*7))", s_patience) == "42" ? 1 : 0;
            await vm.DisposeAsync();
        }

        report.Add(answers == Machines, "of these, answer a command afterwards", $"{Machines}", $"{answers}");
    }

    /// <summary>A line, not a spinner: what turns one would be measured too.</summary>
    private static void Say(string text) => AnsiConsole.WriteLine(text);
}
