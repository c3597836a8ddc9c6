// Boots Debian's cloud kernel in this process, runs two commands in it and powers it off. Arguments: [--engine auto|interpreter|recompiler]
using System.Diagnostics;
using Spectre.Console;
using Vivarium;
using Vivarium.Samples.BootLinux;

const string readyText = "Vivarium guest ready";
const string prompt = "guest# ";
var patience = TimeSpan.FromMinutes(5);

var engine = ExecutionEngine.Auto;
if (args is not [] && (args is not ["--engine", var name] || !Enum.TryParse(name, ignoreCase: true, out engine)))
{
    AnsiConsole.MarkupLine("[red]Arguments: --engine auto, --engine interpreter or --engine recompiler; or none.[/]");
    return 64;
}

if (await SampleGuest.FetchAsync() is not { } guest)
{
    return 1;
}

var watch = Stopwatch.StartNew();
await using var vm = new VirtualMachineBuilder()
    .WithName("boot-linux")
    .WithMemory(512 << 20)
    .WithEngine(engine)
    .WithBootLoader(new LinuxBootLoader(
        await File.ReadAllBytesAsync(guest.Kernel),
        await File.ReadAllBytesAsync(guest.Initrd),
        "console=ttyS0 panic=-1"))
    .Build();
var built = watch.Elapsed;
var console = new GuestConsole(vm.Console, patience);
await vm.StartAsync();

try
{
    await console.WaitForAsync(readyText);
    var ready = watch.Elapsed;
    var instructions = vm.Usage.Sum(usage => usage.Instructions);
    var guestTime = TimeSpan.FromTicks(vm.Usage.Sum(usage => usage.GuestNs) / 100);
    await console.WaitForAsync(prompt);
    await console.RunAsync("uname -a", prompt);
    await console.RunAsync("cat /proc/cpuinfo", prompt);
    await console.SendAsync("poweroff -f\n");
    var reason = await vm.WaitForShutdownAsync().WaitAsync(patience);
    await console.FinishAsync();

    var table = new Table { Title = new TableTitle("Boot") };
    table.AddColumn("What").AddColumn(new TableColumn("Value").RightAligned());
    table.AddRow("Engine", vm.Engine.ToString());
    table.AddRow("Machine built in", $"{built.TotalMilliseconds:F1} ms");
    table.AddRow("Guest ready after", $"{ready.TotalSeconds:F2} s");
    table.AddRow("Instructions until then", $"{instructions / 1e6:F0} million");
    table.AddRow("Speed while running", $"{instructions / 1e6 / guestTime.TotalSeconds:F0} MIPS");
    table.AddRow("Ended by", reason.Kind.ToString());
    AnsiConsole.Write(table);
    return reason.Kind == ShutdownKind.GuestPowerOff ? 0 : 1;
}
catch (Exception exception) when (exception is TimeoutException or EndOfStreamException)
{
    AnsiConsole.MarkupLineInterpolated($"[red]{exception.Message}[/]");
    return 1;
}
