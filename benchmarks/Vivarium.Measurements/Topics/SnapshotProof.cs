using System.Diagnostics;
using Spectre.Console;

namespace Vivarium.Measurements;

/// <summary>Saves a computing guest at random instants; each snapshot goes on in a process of its own and must come to the same result.</summary>
internal static class SnapshotProof
{
    private const int Instants = 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    public static async Task<int> RunAsync(MeasurementOptions options)
    {
        var report = new Report("Snapshots at random instants, restored in new processes", options.MarkdownFile, "guest", "must", "measured");
        await AnsiConsole.Progress().StartAsync(async progress =>
        {
            var expected = await RunUninterruptedAsync(options.OneEngine);
            await ProveAsync(report, progress, options.OneEngine, "tiny guest", CreateCompute, "", expected, ["inside REP MOVSD", "Sleep"]);
            await ProveAsync(report, progress, options.OneEngine, "Debian: a shell and sha256sum", CreateHash, HashGuest.Command, HashGuest.Expected(), []);
        });
        return report.Finish();
    }

    /// <summary>The other process: goes on from a snapshot and prints the guest's result.</summary>
    public static async Task<int> ResumeAsync(string file, ExecutionEngine engine)
    {
        await using var stream = File.OpenRead(file);
        var saved = (await SnapshotInfo.ReadAsync(stream)).Configuration;
        await using var vm = new VirtualMachineBuilder().WithEngine(engine).WithName(saved.Name).WithPreset(saved.Preset).WithMemory(saved.MemoryBytes).WithCpus(saved.CpuCount)
            .WithBootLoader(new FlatBinaryLoader(TinyGuests.Sleep(), TinyGuests.Gpa, FlatStartMode.Protected32)).Build();
        stream.Position = 0;
        await vm.RestoreAsync(stream);
        await vm.StartAsync();
        Console.WriteLine(await ReadResultAsync(new GuestText(vm.Console)));
        await vm.WaitForShutdownAsync().WaitAsync(s_patience);
        return 0;
    }

    private static VirtualMachine CreateCompute(ExecutionEngine engine) => new VirtualMachineBuilder().WithEngine(engine).WithMemory(ComputeGuest.MemoryBytes)
        .WithBootLoader(new FlatBinaryLoader(ComputeGuest.Create(), TinyGuests.Gpa, FlatStartMode.Protected32)).Build();

    private static VirtualMachine CreateHash(ExecutionEngine engine) => new LinuxGuest("cloud").CreateBuilder(HashGuest.MemoryBytes, engine).WithCpus(2).Build();

    private static async Task<string> RunUninterruptedAsync(ExecutionEngine engine)
    {
        await using var vm = CreateCompute(engine);
        await vm.StartAsync();
        return await ReadResultAsync(new GuestText(vm.Console));
    }

    private static async Task<string> ReadResultAsync(GuestText text)
    {
        await text.WaitForAsync(ComputeGuest.ResultMark, s_patience);
        return (await text.WaitForAsync("\n", s_patience)).Trim();
    }

    private static async Task ProveAsync(
        Report report, ProgressContext progress, ExecutionEngine engine, string guest, Func<ExecutionEngine, VirtualMachine> create, string command, string expected, string[] wanted)
    {
        var task = progress.AddTask(guest, maxValue: Instants * 2);
        var files = new List<(string File, string Instant)>();
        string own;
        await using (var vm = create(engine))
        {
            var text = new GuestText(vm.Console);
            await vm.StartAsync();
            if (command.Length > 0)
            {
                await text.WaitForAsync(LinuxGuest.Prompt, s_patience);
                await text.SendAsync(command);
            }

            await foreach (var saved in SaveAsync(vm, wanted))
            {
                files.Add(saved);
                task.Increment(1);
            }

            own = await ReadResultAsync(text);
        }

        var right = 0;
        foreach (var (file, _) in files)
        {
            right += await ResumeElsewhereAsync(file, engine) == expected ? 1 : 0;
            File.Delete(file);
            task.Increment(1);
        }

        var kinds = string.Join(", ", files.CountBy(each => each.Instant).OrderByDescending(kind => kind.Value).Select(kind => $"{kind.Value} × {kind.Key}"));
        report.Add(right == files.Count && own == expected && Array.TrueForAll(wanted, each => files.Exists(file => file.Instant == each)),
            guest, $"{Instants} of {Instants} right", $"{right} of {files.Count} right, and the machine saved {files.Count} times {(own == expected ? "too" : "WRONG")}; instants: {kinds}");
    }

    /// <summary>Random instants; after half of them only those of a kind still missing are kept.</summary>
    private static async IAsyncEnumerable<(string File, string Instant)> SaveAsync(VirtualMachine vm, string[] wanted)
    {
        var missing = wanted.ToHashSet();
        for (var kept = 0; kept < Instants;)
        {
            await Task.Delay(Random.Shared.Next(5, 60));
            await vm.PauseAsync();
            var instant = wanted.Length > 0 ? ComputeGuest.DescribeInstant(vm.Memory) : "running";
            if (kept < Instants / 2 || missing.Count == 0 || missing.Contains(instant))
            {
                var file = Repository.OutputFile($"instant-{kept}.snapshot");
                await using (var stream = File.Create(file))
                {
                    await vm.SaveAsync(stream);
                }

                missing.Remove(instant);
                kept++;
                yield return (file, instant);
            }

            await vm.ResumeAsync();
        }
    }

    private static async Task<string> ResumeElsewhereAsync(string file, ExecutionEngine engine)
    {
        using var process = Process.Start(HostProcess.Another("resume", file, "--engine", $"{engine}"))!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = (await process.StandardOutput.ReadToEndAsync()).Trim();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : $"exit code {process.ExitCode}: {await errors}";
    }
}
