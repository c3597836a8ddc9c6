using System.Diagnostics;
using System.Globalization;

namespace Vivarium.Measurements;

/// <summary>What this process costs the host.</summary>
internal static class HostProcess
{
    /// <summary>User and system time of all threads, ended ones included.</summary>
    public static TimeSpan CpuTime => Process.GetCurrentProcess().TotalProcessorTime;

    /// <summary>Resident memory in bytes, after the collector gave back what it does not need.</summary>
    public static long ResidentBytes()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        var line = File.ReadLines("/proc/self/status").First(each => each.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6, line.Length - 8).Trim(), CultureInfo.InvariantCulture) << 10;
    }

    /// <summary>Resident bytes of the mappings that a range of addresses, a guest's RAM, lies in.</summary>
    public static long ResidentBytesAt(nuint address, long sizeBytes)
    {
        var isRam = false;
        var resident = 0L;
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (!words[0].EndsWith(':'))
            {
                var bounds = words[0].Split('-').Select(each => nuint.Parse(each, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
                isRam = bounds[0] < address + (nuint)sizeBytes && bounds[1] > address;
            }
            else if (isRam && words[0] == "Rss:")
            {
                resident += long.Parse(words[1], CultureInfo.InvariantCulture) << 10;
            }
        }

        return resident;
    }

    /// <summary>The share of one core that the process takes over <paramref name="period"/>.</summary>
    public static async Task<double> CoreShareAsync(TimeSpan period)
    {
        var watch = Stopwatch.StartNew();
        var before = CpuTime;
        await Task.Delay(period);
        return (CpuTime - before) / watch.Elapsed;
    }

    /// <summary>A new process of this program.</summary>
    public static ProcessStartInfo Another(params IEnumerable<string> arguments)
    {
        var host = Environment.ProcessPath!;
        var isMuxer = Path.GetFileNameWithoutExtension(host) == "dotnet";
        return new ProcessStartInfo(host, isMuxer ? [Environment.GetCommandLineArgs()[0], .. arguments] : arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }
}
