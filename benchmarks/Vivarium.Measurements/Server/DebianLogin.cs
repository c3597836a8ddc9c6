using System.Diagnostics;
using System.Globalization;

namespace Vivarium.Measurements;

/// <summary>Debian with systemd from its qcow2 disk, through SeaBIOS and GRUB to the login prompt: the tool and QEMU by turns.</summary>
internal static class DebianLogin
{
    private const double Required = 0.6;
    private const string Prompt = "login: ";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    /// <summary>What eng/make-debian-disk.sh makes.</summary>
    public static string Disk => Path.Combine(Repository.GuestFolder("debian"), "debian-cloud.qcow2");

    public static async Task RunAsync(MeasurementOptions options, ServerOptions server, Report report)
    {
        foreach (var cpus in (int[])[1, 2])
        {
            List<double> ours = [], theirs = [];
            for (var round = 1; round <= Math.Max(server.Rounds, 1); round++)
            {
                await Console.Error.WriteLineAsync($"round {round} of {Math.Max(server.Rounds, 1)}: Debian to its login prompt, {cpus} vCPU");
                ours.Add(await BootAsync(server.Vivarium,
                [
                    "run", "--engine", options.OneEngine.ToString().ToLowerInvariant(), "--boot", "bios", "--memory", "1G", "--cpus", $"{cpus}", "--drive", $"{Disk},overlay=on",
                ]));
                theirs.Add(await BootAsync(server.Qemu,
                [
                    "-accel", cpus == 1 ? "tcg" : "tcg,thread=multi", "-cpu", "max", "-m", "1G", "-smp", $"{cpus}", "-nographic", "-no-reboot", "-snapshot",
                    "-drive", $"file={Disk},format=qcow2,if=virtio",
                ]));
            }

            var (mine, other) = (Median.Of(ours), Median.Of(theirs));
            report.Add(mine <= Required * other, $"Debian 12 with systemd from qcow2 to the login prompt; {cpus} vCPU", Invariant($"≤ {Required:F1}× QEMU's time"),
                Invariant($"{mine:F1} s"), Invariant($"{other:F1} s"), Invariant($"{mine / other:F2}×"), ServerWork.Load());
        }
    }

    private static async Task<double> BootAsync(string program, string[] arguments)
    {
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            await new GuestText(process.StandardOutput.BaseStream, process.StandardInput.BaseStream).WaitForAsync(Prompt, s_patience);
            return watch.Elapsed.TotalSeconds;
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
