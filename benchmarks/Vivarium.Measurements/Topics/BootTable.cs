using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Vivarium.Measurements;

/// <summary>Boots every guest that is there and says how long it took.</summary>
internal static class BootTable
{
    private const ulong MemoryBytes = 512 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    public static async Task<int> RunAsync(string? markdownFile)
    {
        var report = new Report("Boots", markdownFile, "kernel", "vCPUs", "seconds to shell", "MIPS", "MIPS of CPU time", "said");
        await AnsiConsole.Progress().StartAsync(async progress =>
        {
            (string Flavour, int Cpus)[] boots =
                [.. from flavour in (string[])["cloud", "generic", "686"] from cpus in (int[])[1, 2] select (flavour, cpus)];
            var task = progress.AddTask("Booting", maxValue: boots.Length + 3);
            foreach (var (flavour, cpus) in boots)
            {
                task.Description = $"Booting {flavour}, {cpus} vCPU";
                await BootLinuxAsync(report, flavour, cpus);
                task.Increment(1);
            }

            task.Description = "Booting a multiboot image of our own";
            await BootOwnMultibootAsync(report);
            task.Increment(1);
            task.Description = "Booting memtest86+";
            await BootMemtestAsync(report);
            task.Increment(1);
            task.Description = "Booting grub-invaders";
            await BootInvadersAsync(report);
            task.Increment(1);
        });
        return report.Finish();
    }

    private static async Task BootLinuxAsync(Report report, string flavour, int cpus)
    {
        await using var vm = new LinuxGuest(flavour).CreateBuilder(MemoryBytes).WithCpus(cpus).Build();
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
            report.Add(isGood, [flavour, $"{cpus}", .. speed, said]);
        }
        catch (Exception exception) when (exception is MeasurementException or TimeoutException or VirtualMachineException)
        {
            report.Add(false, [flavour, $"{cpus}", .. Speed(vm, start, "F1"), exception.Message.ReplaceLineEndings(" ")]);
        }
        finally
        {
            await File.WriteAllTextAsync(Repository.OutputFile($"boot-{flavour}-{cpus}.log"), text.All);
        }
    }

    private static async Task BootOwnMultibootAsync(Report report)
    {
        const string words = "multiboot image of our own\n";
        await using var vm = new VirtualMachineBuilder().WithBootLoader(new MultibootLoader(MultibootImage.Wrap(TinyGuests.Print(words)))).Build();
        var text = new GuestText(vm.Console);
        var start = new StartPoint();
        await vm.StartAsync();
        await AddAsync(report, "multiboot, our own", vm, start, async () => (await text.WaitForAsync("\n", s_patience)).Trim(), words.Trim());
    }

    /// <summary>memtest86+ follows the Linux boot protocol and draws with escape sequences on the serial port.</summary>
    private static async Task BootMemtestAsync(Report report)
    {
        if (Image("memtest86+x64.bin") is not { } image)
        {
            report.Add(null, "memtest86+ 6.10", "1", "–", "–", "–", "not fetched");
            return;
        }

        await using var vm = new VirtualMachineBuilder().WithPreset(MachinePreset.Pc).WithMemory(64 << 20)
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

    /// <summary>grub-invaders, a game in the multiboot format, draws on a text screen: here a device of our own.</summary>
    private static async Task BootInvadersAsync(Report report)
    {
        if (Image("invaders.exec") is not { } image)
        {
            report.Add(null, "grub-invaders (multiboot ELF)", "1", "–", "–", "–", "not fetched");
            return;
        }

        TextScreen? screen = null;
        await using var vm = new VirtualMachineBuilder().WithPreset(MachinePreset.Pc).WithMemory(64 << 20)
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
            report.Add(said == expected, [name, "1", .. Speed(vm, start, "F2"), said]);
        }
        catch (MeasurementException exception)
        {
            report.Add(false, [name, "1", .. Speed(vm, start, "F2"), exception.Message.ReplaceLineEndings(" ")]);
        }
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
