using System.Diagnostics;
using Spectre.Console;
using Vivarium.Scheduling;

namespace Vivarium.Measurements;

/// <summary>Whether busy machines on a worker pool get processor time by their weights, and no more than their caps.</summary>
internal static class FairShares
{
    private const int Machines = 20;
    private const int Workers = 2;
    private const double Allowed = 0.05;
    private const int CapMilliCores = 150;
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(10);
    private static readonly int[] s_weights = [1, 2, 4];

    public static async Task<int> RunAsync(MeasurementOptions options)
    {
        var report = new Report("Fair share: 20 busy machines on 2 workers, 10 s", options.MarkdownFile, "what", "must", "measured");
        await AnsiConsole.Status().StartAsync("Measuring weights", async status =>
        {
            await MeasureWeightsAsync(report, options);
            status.Status("Measuring a cap among others");
            await MeasureCapAsync(report, options, Machines);
            status.Status("Measuring a cap alone");
            await MeasureCapAsync(report, options, 1);
        });
        return report.Finish();
    }

    private static async Task MeasureWeightsAsync(Report report, MeasurementOptions options)
    {
        using var scheduler = new WorkerPoolScheduler(Workers);
        using var timers = new VmTimerService();
        VirtualMachine[] machines = [.. Enumerable.Range(0, Machines).Select(i => CreateBusy(options, scheduler, timers, new VmShare { Weight = s_weights[i % s_weights.Length] }))];
        var (guestNs, _) = await RunAsync(machines);
        double totalNs = guestNs.Sum();
        var totalWeight = machines.Sum(vm => vm.Share.Weight);
        foreach (var weight in s_weights)
        {
            var expected = totalNs * weight / totalWeight;
            double[] errors = [.. guestNs.Where((_, i) => machines[i].Share.Weight == weight).Select(ns => (ns / expected) - 1)];
            report.Add(
                errors.Max(Math.Abs) <= Allowed, $"{errors.Length} machines of weight {weight}", $"each within {Allowed:P0} of {expected / 1e6:F0} ms",
                $"{errors.Min():+0.0%;-0.0%} to {errors.Max():+0.0%;-0.0%}");
        }

        await DisposeAsync(machines);
    }

    private static async Task MeasureCapAsync(Report report, MeasurementOptions options, int count)
    {
        using var scheduler = new WorkerPoolScheduler(Workers);
        using var timers = new VmTimerService();
        VirtualMachine[] machines = [.. Enumerable.Range(0, count).Select(i =>
            CreateBusy(options, scheduler, timers, i == 0 ? new VmShare { Weight = 400, CapMilliCores = CapMilliCores } : new VmShare()))];
        var (guestNs, elapsed) = await RunAsync(machines);
        var used = guestNs[0] / 1e6 / elapsed.TotalMilliseconds;
        var error = (used * 1000 / CapMilliCores) - 1;
        report.Add(
            Math.Abs(error) <= Allowed, $"a machine capped at {CapMilliCores} thousandths, with {count - 1} others", $"within {Allowed:P0} of its cap",
            $"{used * 1000:F1} thousandths ({error:+0.0%;-0.0%})");
        await DisposeAsync(machines);
    }

    private static VirtualMachine CreateBusy(MeasurementOptions options, WorkerPoolScheduler scheduler, VmTimerService timers, VmShare share) => options.CreateBuilder()
        .WithMemory(4 << 20)
        .WithBootLoader(new FlatBinaryLoader(TinyGuests.Busy(), TinyGuests.Gpa, FlatStartMode.Protected32))
        .WithScheduler(scheduler, share)
        .WithTimerService(timers)
        .Build();

    private static async Task<(long[] GuestNs, TimeSpan Elapsed)> RunAsync(VirtualMachine[] machines)
    {
        foreach (var vm in machines)
        {
            await vm.StartAsync();
        }

        await Task.Delay(TimeSpan.FromSeconds(1));
        var watch = Stopwatch.StartNew();
        var before = GuestNs(machines);
        await Task.Delay(s_period);
        var after = GuestNs(machines);
        return ([.. after.Zip(before, (end, start) => end - start)], watch.Elapsed);
    }

    private static long[] GuestNs(VirtualMachine[] machines) => [.. machines.Select(vm => vm.Usage[0].GuestNs)];

    private static async Task DisposeAsync(VirtualMachine[] machines)
    {
        foreach (var vm in machines)
        {
            await vm.DisposeAsync();
        }
    }
}
