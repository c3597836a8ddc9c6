using System.Diagnostics;
using Spectre.Console;
using Vivarium.Scheduling;

namespace Vivarium.Measurements;

/// <summary>How many machines fit in one process, and what they take.</summary>
internal static class ManyMachines
{
    private const int SmallMachines = 200;
    private const int LinuxMachines = 20;
    private const int Workers = 2;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(8);

    public static async Task<int> RunAsync(MeasurementOptions options)
    {
        var report = new Report("Density", options.MarkdownFile, "what", "must", "measured");
        await AnsiConsole.Progress().StartAsync(async progress =>
        {
            await RunSmallAsync(report, options, progress.AddTask("Small machines", maxValue: SmallMachines));
            await RunLinuxAsync(report, options, progress.AddTask("Linux machines of 4 GiB", maxValue: LinuxMachines));
        });
        return report.Finish();
    }

    private static async Task RunSmallAsync(Report report, MeasurementOptions options, ProgressTask progress)
    {
        using var scheduler = new WorkerPoolScheduler(Workers);
        using var timers = new VmTimerService();
        var before = HostProcess.ResidentBytes();
        var watch = Stopwatch.StartNew();
        VirtualMachine[] machines = [.. Enumerable.Range(0, SmallMachines).Select(i => options.CreateBuilder()
            .WithName($"small-{i}")
            .WithMemory(2 << 20)
            .WithBootLoader(new FlatBinaryLoader(TinyGuests.Print($"Hello from guest {i}.\n"), TinyGuests.Gpa, FlatStartMode.Protected32))
            .WithScheduler(scheduler)
            .WithTimerService(timers)
            .Build())];
        var built = watch.Elapsed;
        var resident = (HostProcess.ResidentBytes() - before) >> 10;
        watch.Restart();
        var said = await Task.WhenAll(machines.Select(async vm =>
        {
            await vm.StartAsync();
            var text = await new GuestText(vm.Console).WaitForAsync("\n", s_patience);
            await vm.WaitForShutdownAsync().WaitAsync(s_patience);
            progress.Increment(1);
            return text;
        }));
        var ran = watch.Elapsed;
        var right = said.Where((text, i) => text == $"Hello from guest {i}.").Count();
        foreach (var vm in machines)
        {
            await vm.DisposeAsync();
        }

        report.Add(
            right == SmallMachines, $"{SmallMachines} small machines in one process, each prints from its own guest", $"{SmallMachines}",
            $"{right}; built in {built.TotalSeconds:F2} s, printed and ended in {ran.TotalSeconds:F2} s; {resident / SmallMachines} KiB resident each");
    }

    private static async Task RunLinuxAsync(Report report, MeasurementOptions options, ProgressTask progress)
    {
        var guest = new LinuxGuest("cloud");
        using var scheduler = new WorkerPoolScheduler(Workers);
        using var timers = new VmTimerService();
        var before = HostProcess.ResidentBytes();
        var watch = Stopwatch.StartNew();
        VirtualMachine[] machines = [.. Enumerable.Range(0, LinuxMachines).Select(i => guest.CreateBuilder(4UL << 30, options.OneEngine)
            .WithName($"linux-{i}").WithScheduler(scheduler).WithTimerService(timers).Build())];
        var arrivals = await Task.WhenAll(machines.Select(async (vm, i) =>
        {
            await vm.StartAsync();
            var text = new GuestText(vm.Console);
            await text.WaitForAsync(LinuxGuest.Prompt, s_patience);
            var arrival = watch.Elapsed;
            progress.Increment(1);
            return await text.RunAsync($"echo $(({i}+1000))", s_patience) == $"{i + 1000}" ? arrival : TimeSpan.Zero;
        }));
        var answered = arrivals.Count(arrival => arrival > TimeSpan.Zero);
        var resident = (HostProcess.ResidentBytes() - before) >> 20;
        var instructions = machines.Sum(vm => vm.Usage.Sum(usage => usage.Instructions));
        foreach (var vm in machines)
        {
            await vm.DisposeAsync();
        }

        report.Add(
            answered == LinuxMachines, $"{LinuxMachines} machines of 4 GiB boot Debian to a shell on {Workers} workers", $"{LinuxMachines}",
            $"{answered}; first after {arrivals.Min().TotalSeconds:F1} s, last after {arrivals.Max().TotalSeconds:F1} s; "
            + $"{resident} MiB resident together; {instructions / 1e6 / arrivals.Max().TotalSeconds:F0} MIPS together");
    }
}
