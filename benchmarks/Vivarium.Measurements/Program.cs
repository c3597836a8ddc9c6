using System.CommandLine;
using Vivarium;
using Vivarium.Measurements;

var markdown = new Option<string?>("--markdown") { Description = "Appends the tables to this file.", Recursive = true };
var engine = new Option<ExecutionEngine?>("--engine") { Description = "auto, interpreter or recompiler. Default: auto, or both where a topic compares them.", Recursive = true };
var root = new RootCommand("Measures what Vivarium promises; exit code 1 if a requirement is not met. Guests come from eng/get-guest.sh.") { markdown, engine };
var only = new Option<string?>("--only") { Description = "Only the boots whose name holds this text." };
var boots = Add("boots", "Boots every guest to a shell, with 1 and 2 vCPUs, on each engine.", (options, result) => BootTable.RunAsync(options, result.GetValue(only)));
boots.Add(only);
Add("idle", "What idle Debian guests cost, one and 100 at once.", (options, _) => IdleCost.RunAsync(options));
Add("memory", "What a machine of 4 GiB costs beyond what its guest touched.", (options, _) => MemoryCost.RunAsync(options));
Add("start", "From Build() to the first guest instruction.", (options, _) => StartLatency.RunAsync(options));
Add("shares", "Weights and caps on a worker pool.", (options, _) => FairShares.RunAsync(options));
Add("density", "200 small machines, and 20 Debian machines of 4 GiB.", (options, _) => ManyMachines.RunAsync(options));
Add("snapshots", "Snapshots at random instants, each finished by a new process.", (options, _) => SnapshotProof.RunAsync(options));
Add("stop", "How soon a vCPU stops when asked, and at the end of a budget, on each engine.", (options, _) => Task.FromResult(StopLatency.Run(options)));
Add("virtio", "Every virtio device, driven by a Linux guest; eng/check-virtio.sh makes it.", (options, _) => VirtioProof.RunAsync(options));
var startRounds = new Option<int>("--rounds") { Description = "How often each gets its turn.", DefaultValueFactory = _ => 7 };
Add("startup", "The tool from start to end under settings of the runtime; eng/measure-startup.sh prepares it.",
    (options, result) => ToolStart.RunAsync(options, result.GetValue(startRounds))).Add(startRounds);
var trafficMinutes = new Option<double>("--minutes") { Description = "How long mixed traffic goes on.", DefaultValueFactory = _ => 30 };
var connections = new Option<int>("--connections") { Description = "How many TCP connections go through the NAT.", DefaultValueFactory = _ => 10_000 };
var network = Add("network", "Many connections and mixed traffic of two Linux guests, none leaked; eng/check-network-long.sh makes them.",
    (options, result) => NetworkProof.RunAsync(options, result.GetValue(connections), result.GetValue(trafficMinutes)));
network.Add(trafficMinutes);
network.Add(connections);
var transferSeconds = new Option<int>("--seconds") { Description = "How long the guests transfer.", DefaultValueFactory = _ => 10 };
Add("network-speed", "Pings, TCP between two guests and HTTP to a guest, in one process; eng/measure-network.sh prepares it.",
    (options, result) => NetworkSpeed.RunAsync(options, result.GetValue(transferSeconds))).Add(transferSeconds);
var minutes = new Option<double>("--minutes") { Description = "How long it goes on at least.", DefaultValueFactory = _ => 0 };
var rounds = new Option<int>("--rounds") { Description = "How many boots it has at least.", DefaultValueFactory = _ => 9 };
var leaks = Add("leaks", "The benchmark guest again and again in one process: memory, mappings, threads, files. Needs benchmarks/guest/make-guest.sh.",
    (options, result) => Leaks.RunAsync(options, result.GetValue(minutes), result.GetValue(rounds)));
leaks.Add(minutes);
leaks.Add(rounds);
AddVersus();
AddServer();
AddStorage();
var snapshot = new Argument<string>("file");
var resume = new Command("resume", "The new process of \"snapshots\".") { snapshot };
resume.SetAction((result, _) => SnapshotProof.ResumeAsync(result.GetValue(snapshot)!, result.GetValue(engine) ?? ExecutionEngine.Auto));
resume.Hidden = true;
root.Add(resume);
return await root.Parse(args).InvokeAsync();

Command Add(string name, string description, Func<MeasurementOptions, ParseResult, Task<int>> measureAsync)
{
    var command = new Command(name, description);
    command.SetAction(async (result, _) =>
    {
        try
        {
            return await measureAsync(new MeasurementOptions(result.GetValue(markdown), result.GetValue(engine)), result);
        }
        catch (MeasurementException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    });
    root.Add(command);
    return command;
}

void AddVersus()
{
    var workloads = new Option<string?>("--workloads") { Description = "Names, separated by commas. Default: all of benchmarks/guest/workloads.sh." };
    var scale = new Option<int>("--scale") { Description = "Work in percent.", DefaultValueFactory = _ => 100 };
    var rounds = new Option<int>("--rounds") { Description = "How often each gets its turn.", DefaultValueFactory = _ => 3 };
    var timeout = new Option<int>("--timeout") { Description = "Seconds after which a run counts as hung.", DefaultValueFactory = _ => 900 };
    var qemu = new Option<string>("--qemu") { Description = "QEMU's program.", DefaultValueFactory = _ => "qemu-system-x86_64" };
    var tool = new Option<string>("--vivarium") { Description = "The tool's program.", DefaultValueFactory = _ => Repository.SourceFile("artifacts/tool/Vivarium.Cli") };
    var command = Add("versus", "Real programs in a Linux guest, against QEMU's translator; eng/versus.sh prepares everything.", (options, result) => VersusQemu.RunAsync(
        options,
        new VersusOptions(
            result.GetValue(workloads),
            result.GetValue(scale),
            result.GetValue(rounds),
            result.GetValue(timeout),
            result.GetValue(qemu)!,
            result.GetValue(tool)!)));
    foreach (var option in (Option[])[workloads, scale, rounds, timeout, qemu, tool])
    {
        command.Add(option);
    }
}

void AddServer()
{
    var rounds = new Option<int>("--rounds") { Description = "How often each gets its turn; 0 leaves the figures out.", DefaultValueFactory = _ => 3 };
    var scale = new Option<int>("--scale") { Description = "Work of stress-ng and hackbench in percent.", DefaultValueFactory = _ => 100 };
    var drive = new Option<string>("--if") { Description = "What the disk hangs on: virtio or nvme.", DefaultValueFactory = _ => "virtio" };
    var run = new Option<string>("--workloads") { Description = "Names, separated by commas.", DefaultValueFactory = _ => ServerOptions.AllWorkloads };
    var qemu = new Option<string>("--qemu") { Description = "QEMU's program.", DefaultValueFactory = _ => "qemu-system-x86_64" };
    var tool = new Option<string>("--vivarium") { Description = "The tool's program.", DefaultValueFactory = _ => Repository.SourceFile("artifacts/tool/Vivarium.Cli") };
    var minutes = new Option<double>("--minutes") { Description = "No further round begins that would end later.", DefaultValueFactory = _ => 30 };
    var isBrief = new Option<bool>("--figures-only") { Description = "Without fio over snapshots." };
    var command = Add("server", "Two vCPUs and a disk against QEMU's translator, fio over a snapshot; eng/measure-server.sh prepares it.", (options, result) => ServerWork.RunAsync(
        options,
        new ServerOptions(
            result.GetValue(run)!,
            result.GetValue(rounds),
            result.GetValue(scale),
            result.GetValue(drive)!,
            result.GetValue(minutes),
            !result.GetValue(isBrief),
            result.GetValue(qemu)!,
            result.GetValue(tool)!)));
    foreach (var option in (Option[])[rounds, scale, drive, run, minutes, isBrief, qemu, tool])
    {
        command.Add(option);
    }
}

void AddStorage()
{
    var operations = new Option<int>("--operations") { Description = "Random operations of each of four workers on each of three disks.", DefaultValueFactory = _ => 500 };
    var rounds = new Option<int>("--rounds") { Description = "How often the guest and qemu-io take turns.", DefaultValueFactory = _ => 2 };
    var kills = new Option<int>("--kills") { Description = "How often the tool is killed while its guest writes.", DefaultValueFactory = _ => 10 };
    var seed = new Option<int>("--seed") { Description = "Of what is random.", DefaultValueFactory = _ => 1 };
    var tool = new Option<string>("--vivarium") { Description = "The tool's program.", DefaultValueFactory = _ => Repository.SourceFile("artifacts/tool/Vivarium.Cli") };
    var command = Add("storage", "Disks under random operations, kills and a full host, judged by QEMU's tools; eng/check-storage.sh prepares it.", (options, result) => StorageProof.RunAsync(
        options,
        new StorageOptions(result.GetValue(operations), result.GetValue(rounds), result.GetValue(kills), result.GetValue(seed), result.GetValue(tool)!)));
    foreach (var option in (Option[])[operations, rounds, kills, seed, tool])
    {
        command.Add(option);
    }
}
