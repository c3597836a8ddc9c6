using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.Storage;

/// <summary>Calls of Linux that .NET has no word for: holes and data-only flushes. Numbers are those of 64-bit Linux; others are not asked.</summary>
internal static partial class PosixFile
{
    private const int KeepSize = 1;
    private const int PunchHole = 2;
    private const int ZeroRange = 0x10;
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int NoSuchData = 6;
    private const int Interrupted = 4;

    public static bool IsSupported => OperatingSystem.IsLinux() && Environment.Is64BitProcess;

    /// <summary>False where the file system has no holes.</summary>
    public static bool TryPunchHole(SafeFileHandle file, long offsetBytes, long lengthBytes) => Allocate(file, PunchHole | KeepSize, offsetBytes, lengthBytes);

    /// <summary>False where the file system cannot.</summary>
    public static bool TryZeroRange(SafeFileHandle file, long offsetBytes, long lengthBytes) => Allocate(file, ZeroRange | KeepSize, offsetBytes, lengthBytes);

    /// <summary>Returns 0 or the host's error number.</summary>
    public static int FlushData(SafeFileHandle file)
    {
        int error;
        do
        {
            error = DataSync(file) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        while (error == Interrupted);
        return error;
    }

    /// <summary>The extent at an offset before the file's end; false where the file system cannot tell.</summary>
    public static bool TryFindExtent(SafeFileHandle file, long offsetBytes, long endBytes, out bool isHole, out long lengthBytes)
    {
        isHole = false;
        lengthBytes = endBytes - offsetBytes;
        var data = Seek(file, offsetBytes, SeekData);
        if (data < 0)
        {
            isHole = Marshal.GetLastPInvokeError() == NoSuchData;
            return isHole;
        }

        isHole = data > offsetBytes;
        var end = isHole ? data : Seek(file, offsetBytes, SeekHole);
        lengthBytes = Math.Min(end, endBytes) - offsetBytes;
        return lengthBytes > 0;
    }

    private static bool Allocate(SafeFileHandle file, int mode, long offsetBytes, long lengthBytes)
    {
        while (FileAllocate(file, mode, offsetBytes, lengthBytes) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted)
            {
                return false;
            }
        }

        return true;
    }

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FileAllocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int DataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);
}
