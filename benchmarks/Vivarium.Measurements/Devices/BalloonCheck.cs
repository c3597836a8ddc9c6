using System.Diagnostics;

namespace Vivarium.Measurements;

/// <summary>Memory that a guest gives up or frees is the host's again.</summary>
internal static class BalloonCheck
{
    private const int FilledMib = 400;
    private const int TargetMib = 800;

    // Where CI runs, other work may take most of the machine: there it matters that memory comes back, not when.
    private static readonly int s_patience = Environment.GetEnvironmentVariable("CI") is null ? 1 : 6;
    private static readonly TimeSpan s_inflating = TimeSpan.FromSeconds(2) * s_patience;
    private static readonly TimeSpan s_reporting = TimeSpan.FromSeconds(10) * s_patience;

    public static async Task RunAsync(DeviceGuest guest, Report report)
    {
        // What the guest freed a moment ago is what the balloon takes first or what is reported, not untouched memory.
        var before = ResidentBytes(guest);
        await FillAndFreeAsync(guest);
        var full = ResidentBytes(guest);
        guest.Balloon.SetTarget((long)TargetMib << 20);
        var (watch, resident) = await WaitUntilAsync(guest, s_inflating * 5, bytes => full - bytes >= 0.9 * (full - before));
        report.Add(watch < s_inflating, "balloon: 90 % of what the guest had used is back", $"≤ {s_inflating.TotalSeconds:F0} s",
            $"{watch.TotalSeconds:F2} s; of RAM {full >> 20} MiB were resident, now {resident >> 20} MiB");
        await WaitForAsync(() => guest.Balloon.InflatedBytes == guest.Balloon.TargetBytes);
        var statistics = await guest.Balloon.ReadStatisticsAsync().WaitAsync(s_reporting);
        var isPlausible = statistics.TotalBytes <= (ulong)DeviceGuest.MemoryMib << 20 && statistics.FreeBytes < (ulong)(DeviceGuest.MemoryMib - TargetMib) << 20;
        report.Add(isPlausible, "balloon: inflated, and the guest's statistics", "", $"{guest.Balloon.InflatedBytes >> 20} MiB; of {statistics.TotalBytes >> 20} MiB {statistics.FreeBytes >> 20} MiB free");
        guest.Balloon.SetTarget(0);
        await WaitForAsync(() => guest.Balloon.InflatedBytes == 0);

        await Task.Delay(TimeSpan.FromSeconds(5));
        before = ResidentBytes(guest);
        await FillAndFreeAsync(guest);
        full = ResidentBytes(guest);
        (watch, resident) = await WaitUntilAsync(guest, s_reporting * 2, bytes => full - bytes >= 0.9 * (full - before));
        report.Add(watch < s_reporting && (full - before) >> 20 > FilledMib / 2, "free-page reporting: 90 % of what the guest freed is back", $"≤ {s_reporting.TotalSeconds:F0} s",
            $"{watch.TotalSeconds:F1} s; of RAM {before >> 20} MiB were resident, then {full >> 20} MiB, now {resident >> 20} MiB");
    }

    private static unsafe long ResidentBytes(DeviceGuest guest)
    {
        // Where a Linux kernel was loaded there is memory for sure.
        const ulong Known = 16 << 20;
        var address = (nuint)guest.Machine.Memory.GetReadPage(Known) - (nuint)Known;
        return HostProcess.ResidentBytesAt(address, (long)DeviceGuest.MemoryMib << 20);
    }

    private static async Task FillAndFreeAsync(DeviceGuest guest) =>
        await guest.MustAsync($"dd if=/dev/zero of=/tmp/fill bs=1M count={FilledMib} 2>/dev/null && rm /tmp/fill");

    private static async Task<(TimeSpan Elapsed, long ResidentBytes)> WaitUntilAsync(DeviceGuest guest, TimeSpan patience, Func<long, bool> condition)
    {
        var watch = Stopwatch.StartNew();
        long resident;
        while (!condition(resident = ResidentBytes(guest)) && watch.Elapsed < patience)
        {
            await Task.Delay(20);
        }

        return (watch.Elapsed, resident);
    }

    private static async Task WaitForAsync(Func<bool> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!condition() && watch.Elapsed < s_reporting)
        {
            await Task.Delay(20);
        }
    }
}
