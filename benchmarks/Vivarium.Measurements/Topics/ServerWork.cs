using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Vivarium.Storage;

namespace Vivarium.Measurements;

/// <summary>
/// What a server does: parallel work on one and two vCPUs, and a disk, beside QEMU's translator. Ratios are of one run, where both emulators take
/// turns; the host's load stands beside them, as a host of two processors that has other work gives two vCPUs less than two.
/// </summary>
internal static class ServerWork
{
    private const int MibPerWrite = 16;
    private const long ThinBytes = 1L << 40;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_creating = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(MeasurementOptions options, ServerOptions server)
    {
        if (!File.Exists(ServerGuest.Initrd))
        {
            throw new MeasurementException("The guest is not there; run eng/measure-server.sh, which makes it.");
        }

        var report = new Report($"A server's work, {server.Interface} disk, against QEMU's TCG", options.MarkdownFile, "what", "must", "Vivarium", "QEMU", "ratio", "host load");
        var folder = Directory.CreateTempSubdirectory("vivarium-server").FullName;
        try
        {
            var disk = Path.Combine(folder, "disk.raw");
            await CreateDiskAsync(disk);
            var runs = new Dictionary<(string Emulator, int Cpus), List<EmulatorRun>>();
            var watch = Stopwatch.StartNew();
            for (var round = 1; round <= server.Rounds; round++)
            {
                foreach (var cpus in (int[])[1, 2])
                {
                    await RunAsync(runs, ServerGuest.Vivarium(server, options.OneEngine, disk, cpus), cpus, server, round);
                    await RunAsync(runs, ServerGuest.Qemu(server, disk, cpus), cpus, server, round);
                }

                // No round begins that would not end in time: fewer rounds are better than no figures.
                if (watch.Elapsed * (round + 1) / round > TimeSpan.FromMinutes(server.Minutes) && round < server.Rounds)
                {
                    await Console.Error.WriteLineAsync($"{round} of {server.Rounds} rounds took {watch.Elapsed.TotalMinutes:F1} minutes; no more of them.");
                    break;
                }
            }

            if (runs.Count > 0)
            {
                AddSpeedUps(report, runs, server);
                AddDisk(report, runs, server);
            }

            if (File.Exists(DebianLogin.Disk))
            {
                await DebianLogin.RunAsync(options, server, report);
            }

            await AddThinDiskAsync(report, folder);
            if (server.VerifiesSnapshots)
            {
                await Console.Error.WriteLineAsync("fio --verify over snapshots");
                await FioVerifyCheck.RunAsync(options, report);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return report.Finish();
    }

    private static async Task CreateDiskAsync(string path)
    {
        await using var file = File.Create(path);
        for (var mib = 0; mib < ServerGuest.DiskMib; mib += MibPerWrite)
        {
            await file.WriteAsync(RandomNumberGenerator.GetBytes(MibPerWrite << 20));
        }
    }

    private static async Task RunAsync(Dictionary<(string Emulator, int Cpus), List<EmulatorRun>> runs, Emulator emulator, int cpus, ServerOptions server, int round)
    {
        await Console.Error.WriteLineAsync($"round {round} of {server.Rounds}: {emulator.Name}, {cpus} vCPU");
        var run = await EmulatorRun.RunAsync(emulator, ServerGuest.CommandLine(server.Workloads, server.ScalePercent), s_patience);
        if (!run.IsDone)
        {
            throw new MeasurementException($"{emulator.Name} with {cpus} CPUs did not come to its end, in {run.DiedIn ?? "boot"}: {string.Join(" / ", run.LastWords)}");
        }

        if (!runs.TryGetValue((emulator.Name, cpus), out var list))
        {
            runs[(emulator.Name, cpus)] = list = [];
        }

        list.Add(run);
    }

    private static void AddSpeedUps(Report report, Dictionary<(string Emulator, int Cpus), List<EmulatorRun>> runs, ServerOptions server)
    {
        foreach (var (workload, speedUp, versus) in (ReadOnlySpan<(string, double?, double?)>)[("stress", 1.8, null), ("hackbench", null, 2.0)])
        {
            if (!server.Workloads.Split(',').Contains(workload))
            {
                continue;
            }

            double Of(string emulator, int cpus, Func<EmulatorRun.Cost, double> figure) => Median.Of(runs[(emulator, cpus)].Select(run => run.Costs.TryGetValue(workload, out var cost)
                ? figure(cost)
                : throw new MeasurementException($"{workload} failed on {emulator} with {cpus} CPUs: {string.Join(" / ", run.LastWords)}")));
            double Seconds(string emulator, int cpus) => Of(emulator, cpus, cost => cost.Seconds);
            var (one, two, qemuOne, qemuTwo) = (Seconds("Vivarium", 1), Seconds("Vivarium", 2), Seconds("QEMU", 1), Seconds("QEMU", 2));

            // What two vCPUs cost of the host's processors against one: that does not depend on who else uses them.
            double Bound(string emulator) => 2 * Of(emulator, 1, cost => cost.CpuSeconds) / Of(emulator, 2, cost => cost.CpuSeconds);
            report.Add(null, $"{workload}: twice the processor time of one vCPU to that of two", "", Invariant($"{Bound("Vivarium"):F2}×"), Invariant($"{Bound("QEMU"):F2}×"), "", Load());
            report.Add(speedUp is { } faster ? one / two >= faster : null, $"{workload}: two vCPUs against one", speedUp is { } must ? Invariant($"≥ {must:F1}×") : "",
                Invariant($"{one:F2} s → {two:F2} s: {one / two:F2}×"), Invariant($"{qemuOne:F2} s → {qemuTwo:F2} s: {qemuOne / qemuTwo:F2}×"), "", Load());
            report.Add(versus is { } ratio ? qemuTwo / two >= ratio : null, $"{workload}: two vCPUs against QEMU's", versus is { } least ? Invariant($"≥ {least:F1}×") : "",
                Invariant($"{two:F2} s"), Invariant($"{qemuTwo:F2} s"), Invariant($"{qemuTwo / two:F2}×"), Load());
        }
    }

    private static void AddDisk(Report report, Dictionary<(string Emulator, int Cpus), List<EmulatorRun>> runs, ServerOptions server)
    {
        foreach (var (workload, what, unit, required) in (ReadOnlySpan<(string, string, string, double?)>)
        [
            ("random", "fio: 4 KiB random reads, 16 at a time", "iops", 1.0), ("random1", "fio: 4 KiB random reads, one at a time", "iops", null),
            ("sequential", "fio: sequential reads of 128 KiB", "kib", 1.5), ("write", "fio: sequential writes of 128 KiB", "kib", null),
        ])
        {
            if (!server.Workloads.Split(',').Contains(workload))
            {
                continue;
            }

            foreach (var cpus in (int[])[1, 2])
            {
                double Figure(string emulator) => Median.Of(runs[(emulator, cpus)].Select(run => run.Figures.GetValueOrDefault($"{workload}-{unit}")));
                var (ours, theirs) = (Figure("Vivarium"), Figure("QEMU"));
                string Show(double value) => unit == "iops" ? Invariant($"{value:F0} IOPS") : Invariant($"{value / 1024:F0} MiB/s");
                report.Add(required is { } ratio ? ours >= ratio * theirs : null, $"{what}; {cpus} vCPU", required is { } must ? Invariant($"≥ {must:F1}× QEMU") : "",
                    Show(ours), Show(theirs), Invariant($"{ours / theirs:F2}×"), Load());
            }
        }
    }

    private static async Task AddThinDiskAsync(Report report, string folder)
    {
        var path = Path.Combine(folder, "thin.qcow2");
        var times = new List<double>();
        for (var i = 0; i < 5; i++)
        {
            File.Delete(path);
            var watch = Stopwatch.StartNew();
            await using (await Qcow2Disk.CreateAsync(path, ThinBytes))
            {
            }

            times.Add(watch.Elapsed.TotalMilliseconds);
        }

        var size = new FileInfo(path).Length;
        var milliseconds = Median.Of(times);
        report.Add(milliseconds < s_creating.TotalMilliseconds && size < 1 << 20, "a qcow2 disk of 1 TiB is created", "< 50 ms, < 1 MiB",
            Invariant($"{milliseconds:F1} ms (first {times[0]:F1}), {size >> 10} KiB"), "", "", Load());
    }

    /// <summary>How many tasks the host ran or kept waiting in the last minute.</summary>
    public static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
