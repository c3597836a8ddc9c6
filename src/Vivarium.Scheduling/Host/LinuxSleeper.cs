using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.Scheduling;

/// <summary>Sleeps in ppoll on an event descriptor, precise to tens of microseconds (man 2 ppoll, eventfd, PR_SET_TIMERSLACK).</summary>
internal sealed unsafe partial class LinuxSleeper : ISleeper
{
    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const int SetTimerSlack = 29;
    private const short PollIn = 1;

    private readonly SafeFileHandle _event = new(CreateEvent(0, CloseOnExec | NonBlocking), ownsHandle: true);
    private bool _slackSet;

    public void Sleep(long maximumNs)
    {
        if (!_slackSet)
        {
            // The kernel may delay an ordinary thread's timeout by 50 µs to save wake-ups; a guest's timers cannot wait that long.
            _ = ProcessControl(SetTimerSlack, 1, 0, 0, 0);
            _slackSet = true;
        }

        var held = false;
        _event.DangerousAddRef(ref held);
        var descriptor = new PollDescriptor { Descriptor = (int)_event.DangerousGetHandle(), Events = PollIn };
        var time = new TimeSpec { Seconds = (nint)(maximumNs / 1_000_000_000), Nanoseconds = (nint)(maximumNs % 1_000_000_000) };

        // SAFETY: both structures live on this stack for the whole call; the descriptor is held open.
        var ready = Poll(&descriptor, 1, maximumNs == long.MaxValue ? null : &time, null);
        ulong count;
        if (ready > 0)
        {
            _ = Read(descriptor.Descriptor, &count, sizeof(ulong));
        }

        _event.DangerousRelease();
    }

    public void Wake()
    {
        var held = false;
        _event.DangerousAddRef(ref held);
        ulong one = 1;

        // SAFETY: writes the 8 bytes of a local; the descriptor is held open.
        _ = Write((int)_event.DangerousGetHandle(), &one, sizeof(ulong));
        _event.DangerousRelease();
    }

    public void Dispose() => _event.Dispose();

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int CreateEvent(uint initialValue, int flags);

    [LibraryImport("libc", EntryPoint = "ppoll", SetLastError = true)]
    private static partial int Poll(PollDescriptor* descriptors, nuint count, TimeSpec* timeout, void* signalMask);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short ReturnedEvents;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
