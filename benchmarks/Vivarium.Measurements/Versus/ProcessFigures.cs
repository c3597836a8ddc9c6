using System.Globalization;

namespace Vivarium.Measurements;

/// <summary>What another process has cost so far, from Linux's /proc.</summary>
internal static class ProcessFigures
{
    /// <summary>The unit of times in /proc, which Linux fixes for programs at a hundredth of a second.</summary>
    private const double TicksPerSecond = 100;

    /// <summary>User and system time of all threads; 0 once the process has gone.</summary>
    public static double CpuSeconds(int processId)
    {
        // The fields follow the name in parentheses, which may hold anything; the 12th and 13th after it are the times.
        var text = Read(processId, "stat");
        var fields = text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > 12
            ? (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond
            : 0;
    }

    /// <summary>The most memory that was ever resident; 0 once the process has gone.</summary>
    public static long PeakResidentBytes(int processId)
    {
        var line = Array.Find(Read(processId, "status").Split('\n'), each => each.StartsWith("VmHWM:", StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) << 10;
    }

    private static string Read(int processId, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/{file}");
        }
        catch (IOException)
        {
            return "";
        }
    }
}
