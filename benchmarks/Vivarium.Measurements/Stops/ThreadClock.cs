using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Vivarium.Measurements;

/// <summary>The processor time that one thread has used, readable from any thread. Linux only.</summary>
internal readonly partial struct ThreadClock
{
    private readonly int _clock;

    private ThreadClock(int clock)
    {
        _clock = clock;
    }

    /// <summary>The calling thread's clock. The thread must live as long as the clock is read.</summary>
    public static ThreadClock OfThisThread()
    {
        // Linux's encoding of a thread's scheduler clock: the complement of its number, per thread (4), of the scheduler (2).
        const int perThreadScheduler = 6;
        return new ThreadClock((~GetThreadId() << 3) | perThreadScheduler);
    }

    /// <summary>Processor time in nanoseconds.</summary>
    public long ReadNs() => GetTime(_clock, out var time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : throw new Win32Exception();

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetThreadId();

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static partial int GetTime(int clock, out TimeSpec time);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
