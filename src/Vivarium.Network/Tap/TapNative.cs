using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.Network;

/// <summary>Linux's calls for a TAP device (Documentation/networking/tuntap.rst, if_tun.h). Most return -1 and leave an error number.</summary>
internal static unsafe partial class TapNative
{
    public const int NotPermitted = 1;
    public const int NotThere = 2;
    public const int NoAccess = 13;
    public const int Busy = 16;
    public const int Invalid = 22;

    public const int InterfaceNameBytes = 16;

    private const int ReadWrite = 2;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const nuint SetInterface = 0x400454CA;
    private const nuint SetOffload = 0x400454D0;
    private const short Tap = 0x0002;
    private const short NoPacketInformation = 0x1000;
    private const short OffloadHeader = 0x4000;
    private const short Error = 8;

    /// <summary>What may be left undone in frames of the host: checksums, TCP segments of both kinds, those with ECN.</summary>
    private const uint TcpOffloads = 0x01 | 0x02 | 0x04 | 0x08;

    /// <summary>Since Linux 6.2.</summary>
    private const uint UdpOffloads = 0x20 | 0x40;

    /// <summary>Opens the place where TAP devices come from; invalid with an error number.</summary>
    public static SafeFileHandle Open() => Open("/dev/net/tun", ReadWrite | NonBlocking | CloseOnExec);

    /// <summary>A descriptor that wakes who polls it.</summary>
    public static SafeFileHandle CreateEvent() => CreateEvent(0, NonBlocking | CloseOnExec);

    /// <summary>Makes the descriptor that of an interface, which is made if it is not there and the process may.</summary>
    public static bool TryAttach(SafeFileHandle device, ReadOnlySpan<byte> name)
    {
        Span<byte> request = stackalloc byte[40];
        request.Clear();
        name.CopyTo(request);
        MemoryMarshal.Write(request[InterfaceNameBytes..], (short)(Tap | NoPacketInformation | OffloadHeader));
        fixed (byte* place = request)
        {
            // SAFETY: the call reads and writes one struct ifreq, 40 bytes, on this stack.
            return Control(device, SetInterface, place) >= 0;
        }
    }

    /// <summary>Tells the host what its frames may leave undone.</summary>
    /// <returns>What frames for the host may leave undone.</returns>
    public static FrameCapabilities AgreeOffloads(SafeFileHandle device)
    {
        // SAFETY: the argument is a number, not a place.
        if (Control(device, SetOffload, (void*)(TcpOffloads | UdpOffloads)) >= 0)
        {
            return FrameCapabilities.All;
        }

        // SAFETY: as above.
        return Control(device, SetOffload, (void*)TcpOffloads) >= 0 ? FrameCapabilities.All & ~FrameCapabilities.UdpSegmentation : FrameCapabilities.None;
    }

    /// <summary>Waits until one of two descriptors can be read; false if the interface of the first was deleted.</summary>
    public static bool Wait(SafeFileHandle first, SafeFileHandle second)
    {
        var descriptors = stackalloc PollDescriptor[2];
        descriptors[0] = new PollDescriptor { Descriptor = (int)first.DangerousGetHandle(), Events = 1 };
        descriptors[1] = new PollDescriptor { Descriptor = (int)second.DangerousGetHandle(), Events = 1 };

        // SAFETY: two structures on this stack; the caller owns both descriptors and closes them after its last wait.
        return Poll(descriptors, 2, -1) <= 0 || (descriptors[0].ReturnedEvents & Error) == 0;
    }

    /// <summary>Bytes read, or -1 if there is nothing or the descriptor is of no use.</summary>
    public static int Read(SafeFileHandle file, Span<byte> buffer)
    {
        fixed (byte* place = buffer)
        {
            // SAFETY: the span is held for the call.
            return (int)Read(file, place, (nuint)buffer.Length);
        }
    }

    /// <summary>Whether all was written; a full device takes nothing.</summary>
    public static bool TryWrite(SafeFileHandle file, ReadOnlySpan<byte> data)
    {
        fixed (byte* place = data)
        {
            // SAFETY: the span is held for the call.
            return Write(file, place, (nuint)data.Length) == data.Length;
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial SafeFileHandle CreateEvent(uint initialValue, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle file, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle file, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeFileHandle file, byte* buffer, nuint count);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short ReturnedEvents;
    }
}
