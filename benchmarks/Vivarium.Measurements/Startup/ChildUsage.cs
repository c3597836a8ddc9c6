using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Vivarium.Measurements;

/// <summary>The processor time of child processes that have ended. 64-bit Linux only.</summary>
internal static unsafe partial class ChildUsage
{
    private const int Children = -1;

    /// <summary>Longs of a struct rusage: two times of two each, and fourteen counters.</summary>
    private const int UsageLongs = 18;

    /// <summary>User and system seconds of all ended children together.</summary>
    public static double Seconds()
    {
        var usage = stackalloc long[UsageLongs];

        // SAFETY: the buffer is as large as a struct rusage.
        return GetUsage(Children, usage) == 0
            ? usage[0] + usage[2] + ((usage[1] + usage[3]) / 1e6)
            : throw new Win32Exception();
    }

    [LibraryImport("libc", EntryPoint = "getrusage", SetLastError = true)]
    private static partial int GetUsage(int who, long* usage);
}
