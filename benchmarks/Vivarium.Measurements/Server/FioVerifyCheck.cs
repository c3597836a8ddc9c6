using System.Globalization;
using Vivarium.Devices;
using Vivarium.Storage;

namespace Vivarium.Measurements;

/// <summary>
/// A snapshot in the middle of a job of fio that writes and then verifies, restored into another machine with another disk, for each kind of disk;
/// and the guest's clock: a pause and a restore are no time to it, and its kernel has nothing to say about them.
/// </summary>
internal static class FioVerifyCheck
{
    private const int DiskMib = 64;
    private const int Pause = 5;

    /// <summary>Some seconds of writing at a fixed rate; the snapshot is made after some of them.</summary>
    private const string Job =
        "fio --name=verify --filename={0} --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite --bsrange=4k-64k --size=48m --rate=8m --verify=crc32c --verify_fatal=1 --randseed=7 --minimal > /tmp/fio; echo fio-\"ended\" $?";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan s_beforeSave = TimeSpan.FromSeconds(3);

    public static async Task RunAsync(MeasurementOptions options, Report report)
    {
        foreach (var (kind, device) in (IEnumerable<(string, string)>)[("virtio", "/dev/vda"), ("nvme", "/dev/nvme0n1"), ("ahci", "/dev/sda")])
        {
            await RunAsync(options, kind, device, report);
        }
    }

    private static async Task RunAsync(MeasurementOptions options, string kind, string device, Report report)
    {
        using var snapshot = new MemoryStream();
        string original;
        await using (var disk = new OverlayDisk(new RamDisk((long)DiskMib << 20), ownsBase: true))
        {
            await using var machine = Build(options, kind, disk);
            var text = new GuestText(machine.Console);
            await machine.StartAsync();
            await text.WaitForAsync("Vivarium guest ready", s_patience);
            await text.WaitForAsync(LinuxGuest.Prompt, s_patience);
            var uptime = await UptimeAsync(text);
            await machine.PauseAsync();
            await Task.Delay(TimeSpan.FromSeconds(Pause));
            await machine.ResumeAsync();
            var passed = await UptimeAsync(text) - uptime;
            report.Add(passed < Pause, $"{kind}: the guest's clock over a pause of {Pause} s", $"< {Pause} s", string.Create(CultureInfo.InvariantCulture, $"{passed:F2} s"), "", "", "");
            await AddClockAsync(text, report, $"{kind}: after it the RTC, and Linux's time by hwclock");
            await text.SendAsync(string.Format(CultureInfo.InvariantCulture, Job, device) + "\n");
            await Task.Delay(s_beforeSave);
            await machine.SaveAsync(snapshot);
            if (text.All.Contains("fio-ended", StringComparison.Ordinal))
            {
                throw new MeasurementException("fio ended before the snapshot.");
            }

            original = await EndAsync(text);
        }

        await Task.Delay(TimeSpan.FromSeconds(Pause));
        snapshot.Position = 0;
        await using var other = new OverlayDisk(new RamDisk((long)DiskMib << 20), ownsBase: true);
        await using var restored = Build(options, kind, other);
        await restored.RestoreAsync(snapshot);
        await restored.StartAsync();
        var restoredText = new GuestText(restored.Console);
        var end = await EndAsync(restoredText);
        report.Add(original == "0" && end == "0", $"{kind}: snapshot in the middle of fio --verify, both go on", "0 and 0", $"{original} and {end}", "", "", $"{snapshot.Length >> 20} MiB");
        await restoredText.WaitForAsync(LinuxGuest.Prompt, s_patience);
        await AddClockAsync(restoredText, report, $"{kind}: after the restore the RTC, and Linux's time by hwclock");
        var complaints = (await restoredText.RunAsync("dmesg | grep -ciE 'lockup|stall|unstable|I/O error|timeout|backwards|hung'", s_patience)).Split('\n')[^1].Trim();
        report.Add(complaints == "0", $"{kind}: complaints of the restored kernel", "0", complaints, "", "", "");
    }

    private static async Task<string> EndAsync(GuestText text)
    {
        await text.WaitForAsync("fio-ended ", s_patience);
        return (await text.WaitForAsync("\n", s_patience)).Trim();
    }

    private static async Task<double> UptimeAsync(GuestText text) =>
        double.Parse((await text.RunAsync("cat /proc/uptime", s_patience)).Split(' ')[0], CultureInfo.InvariantCulture);

    /// <summary>How far the guest's clocks are from the host's: a second is what reading them takes on a busy host.</summary>
    private static async Task AddClockAsync(GuestText text, Report report, string what)
    {
        var said = (await text.RunAsync("cat /sys/class/rtc/rtc0/since_epoch; hwclock -s -u && date +%s", s_patience)).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var host = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        long[] behind = [.. said.Select(line => host - long.Parse(line, CultureInfo.InvariantCulture))];
        report.Add(behind is [>= -1 and < Pause - 1, >= -1 and < Pause - 1], what, $"< {Pause - 1} s behind the host's", string.Join(" s, ", behind) + " s", "", "", "");
    }

    private static VirtualMachine Build(MeasurementOptions options, string kind, IBlockBackend disk)
    {
        var builder = options.CreateBuilder().WithMemory(1UL << 30).WithCpus(2)
            .WithBootLoader(new LinuxBootLoader(File.ReadAllBytes(ServerGuest.Kernel), File.ReadAllBytes(ServerGuest.Initrd), "console=ttyS0 quiet panic=-1"));
        return (kind switch
        {
            "nvme" => builder.AddNvme([disk]),
            "ahci" => builder.AddAhci(new AhciDisk(disk)),
            _ => builder.AddVirtioBlock(disk),
        }).Build();
    }
}
