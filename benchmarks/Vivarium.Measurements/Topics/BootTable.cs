using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using Spectre.Console;

namespace Vivarium.Measurements;

/// <summary>Boots every guest that is there and says how long it took.</summary>
internal static class BootTable
{
    private const ulong MemoryBytes = 512 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    public static async Task<int> RunAsync(MeasurementOptions options, string? only)
    {
        var report = new Report("Boots", options.MarkdownFile, "kernel", "engine", "vCPUs", "seconds to shell", "MIPS", "MIPS of CPU time", "said");
        List<(string Name, Func<Task> BootAsync)> boots =
        [
            .. from engine in options.Engines
               from boot in Boots(report, engine)
               select ($"{boot.Name}, {Name(engine)}", boot.BootAsync),
        ];
        boots.RemoveAll(boot => only is not null && !boot.Name.Contains(only, StringComparison.OrdinalIgnoreCase));
        await AnsiConsole.Progress().StartAsync(async progress =>
        {
            var task = progress.AddTask("Booting", maxValue: boots.Count);
            foreach (var (name, bootAsync) in boots)
            {
                task.Description = $"Booting {name}";
                await bootAsync();
                task.Increment(1);
            }
        });
        return report.Finish();
    }

    private static IEnumerable<(string Name, Func<Task> BootAsync)> Boots(Report report, ExecutionEngine engine) =>
    [
        .. from flavour in (string[])["cloud", "generic", "686"]
           from cpus in (int[])[1, 2]
           select ($"{flavour}, {cpus} vCPU", new Func<Task>(() => BootLinuxAsync(report, engine, flavour, cpus))),
        ("multiboot, our own", () => BootOwnMultibootAsync(report, engine)),
        ("memtest86+", () => BootMemtestAsync(report, engine)),
        ("xen", () => BootXenAsync(report, engine)),
        ("grub-invaders", () => BootInvadersAsync(report, engine)),
    ];

    private static string Name(ExecutionEngine engine) => engine.ToString().ToLowerInvariant();

    private static async Task BootLinuxAsync(Report report, ExecutionEngine engine, string flavour, int cpus)
    {
        await using var vm = new LinuxGuest(flavour).CreateBuilder(MemoryBytes, engine).WithCpus(cpus).Build();
        var text = new GuestText(vm.Console);
        var start = new StartPoint();
        try
        {
            await vm.StartAsync();
            await text.WaitForAsync(LinuxGuest.Prompt, s_patience);
            string[] speed = Speed(vm, start, "F1");
            var said = await text.RunAsync("echo $(uname -rm) $(nproc) CPU", s_patience);
            await text.SendAsync("poweroff -f\n");
            var end = await vm.WaitForShutdownAsync().WaitAsync(s_patience);
            var isGood = said.EndsWith($"{cpus} CPU", StringComparison.Ordinal) && end.Kind == ShutdownKind.GuestPowerOff;
            report.Add(isGood, [flavour, Name(vm.Engine), $"{cpus}", .. speed, said]);
        }
        catch (Exception exception) when (exception is MeasurementException or TimeoutException or VirtualMachineException)
        {
            report.Add(false, [flavour, Name(vm.Engine), $"{cpus}", .. Speed(vm, start, "F1"), exception.Message.ReplaceLineEndings(" ")]);
        }
        finally
        {
            await File.WriteAllTextAsync(Repository.OutputFile($"boot-{flavour}-{cpus}-{Name(engine)}.log"), text.All);
        }
    }

    private static async Task BootOwnMultibootAsync(Report report, ExecutionEngine engine)
    {
        const string words = "multiboot image of our own\n";
        await using var vm = new VirtualMachineBuilder().WithEngine(engine).WithBootLoader(new MultibootLoader(MultibootImage.Wrap(TinyGuests.Print(words)))).Build();
        var text = new GuestText(vm.Console);
        var start = new StartPoint();
        await vm.StartAsync();
        await AddAsync(report, "multiboot, our own", vm, start, async () => (await text.WaitForAsync("\n", s_patience)).Trim(), words.Trim());
    }

    /// <summary>memtest86+ follows the Linux boot protocol and draws with escape sequences on the serial port.</summary>
    private static async Task BootMemtestAsync(Report report, ExecutionEngine engine)
    {
        if (Image("memtest86+x64.bin") is not { } image)
        {
            report.Add(null, "memtest86+ 6.10", Name(engine), "1", "–", "–", "–", "not fetched");
            return;
        }

        await using var vm = new VirtualMachineBuilder().WithEngine(engine).WithPreset(MachinePreset.Pc).WithMemory(64 << 20)
            .WithBootLoader(new LinuxBootLoader(image, default, "console=ttyS0,115200")).Build();
        var text = new GuestText(vm.Console);
        var start = new StartPoint();
        await vm.StartAsync();
        await AddAsync(report, "memtest86+ 6.10", vm, start, async () =>
        {
            await text.WaitForAsync("Pass", s_patience);
            await text.WaitForAsync("Testing", s_patience);
            return "Testing";
        }, "Testing");
        await File.WriteAllTextAsync(Repository.OutputFile("boot-memtest.log"), text.All);
    }

    /// <summary>The Xen hypervisor, a multiboot image with a module: until it has started its processors and builds its first domain.</summary>
    private static async Task BootXenAsync(Report report, ExecutionEngine engine)
    {
        const string name = "Xen 4.17 (multiboot ELF with module)";
        if (Image("xen-4.17-amd64.gz") is not { } image)
        {
            report.Add(null, name, Name(engine), "1", "–", "–", "–", "not fetched");
            return;
        }

        await using var vm = new VirtualMachineBuilder().WithEngine(engine).WithMemory(MemoryBytes).WithBootLoader(new LinuxGuest("cloud").CreateXenLoader(Unpack(image))).Build();
        var text = new GuestText(vm.Console);
        var start = new StartPoint();
        await vm.StartAsync();
        await AddAsync(report, name, vm, start, async () =>
        {
            const string mark = "*** Building a PV Dom0 ***";
            await text.WaitForAsync("Brought up 1 CPUs", s_patience);
            await text.WaitForAsync(mark, s_patience);
            return mark;
        }, "*** Building a PV Dom0 ***");
        await File.WriteAllTextAsync(Repository.OutputFile("boot-xen.log"), text.All);
    }

    /// <summary>grub-invaders, a game in the multiboot format, draws on a text screen: here a device of our own.</summary>
    private static async Task BootInvadersAsync(Report report, ExecutionEngine engine)
    {
        if (Image("invaders.exec") is not { } image)
        {
            report.Add(null, "grub-invaders (multiboot ELF)", Name(engine), "1", "–", "–", "–", "not fetched");
            return;
        }

        TextScreen? screen = null;
        await using var vm = new VirtualMachineBuilder().WithEngine(engine).WithPreset(MachinePreset.Pc).WithMemory(64 << 20)
            .WithBootLoader(new MultibootLoader(image)).WithDevice(context => screen = TextScreen.Attach(context)).Build();
        var start = new StartPoint();
        await vm.StartAsync();
        await AddAsync(report, "grub-invaders (multiboot ELF)", vm, start, () => screen!.WaitForAsync("-*-", s_patience), "-*-");
        await File.WriteAllTextAsync(Repository.OutputFile("boot-invaders.log"), screen!.Text);
    }

    private static async Task AddAsync(Report report, string name, VirtualMachine vm, StartPoint start, Func<Task<string>> waitAsync, string expected)
    {
        try
        {
            var said = await waitAsync();
            report.Add(said == expected, [name, Name(vm.Engine), "1", .. Speed(vm, start, "F2"), said]);
        }
        catch (MeasurementException exception)
        {
            report.Add(false, [name, Name(vm.Engine), "1", .. Speed(vm, start, "F2"), exception.Message.ReplaceLineEndings(" ")]);
        }
    }

    private static byte[] Unpack(byte[] packed)
    {
        using var stream = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        stream.CopyTo(unpacked);
        return unpacked.ToArray();
    }

    private static byte[]? Image(string name) =>
        Path.Combine(Repository.GuestFolder("images"), name) is var file && File.Exists(file) ? File.ReadAllBytes(file) : null;

    /// <summary>
    /// Seconds since the start; guest instructions a microsecond of the time that the vCPUs had a thread; and of the processor time of this
    /// process, compiling included, which says more where others keep the host busy.
    /// </summary>
    private static string[] Speed(VirtualMachine vm, StartPoint start, string format)
    {
        var elapsed = start.Watch.Elapsed.TotalSeconds.ToString(format, CultureInfo.InvariantCulture);
        var cpuTime = HostProcess.CpuTime - start.CpuTime;
        var instructions = vm.Usage.Sum(usage => usage.Instructions);
        return
        [
            elapsed,
            $"{instructions * 1000.0 / Math.Max(1, vm.Usage.Sum(usage => usage.GuestNs)):F0}",
            $"{instructions / Math.Max(1, cpuTime.TotalMicroseconds):F0}",
        ];
    }

    private sealed record StartPoint
    {
        public Stopwatch Watch { get; } = Stopwatch.StartNew();

        public TimeSpan CpuTime { get; } = HostProcess.CpuTime;
    }
}
