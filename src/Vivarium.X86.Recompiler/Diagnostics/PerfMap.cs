using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.X86;

/// <summary>
/// Names emitted code for Linux perf, which reads /tmp/perf-PID.map: a line a block, "start size name", numbers in hexadecimal
/// (Linux tools/perf/Documentation/jit-interface.txt). The machines of a process share the file, and .NET may write there too. Any thread.
/// </summary>
internal sealed partial class PerfMap : IDisposable
{
    // O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_CLOEXEC of Linux x64. Each line is one write, which the kernel puts at the end as a whole.
    private const int AppendFlags = 1 | 0x40 | 0x400 | 0x20000 | 0x80000;
    private const int OwnerReadWrite = 0x180;

    private readonly SafeFileHandle _file;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="PlatformNotSupportedException">The host is not Linux.</exception>
    public PerfMap(string? path = null)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("Perf maps are for Linux perf only: turn them off on this host.");
        }

        FilePath = path ?? string.Create(CultureInfo.InvariantCulture, $"/tmp/perf-{Environment.ProcessId}.map");
        _file = new SafeFileHandle(OpenFile(FilePath, AppendFlags, OwnerReadWrite), ownsHandle: true);
        if (_file.IsInvalid)
        {
            throw new IOException($"The perf map {FilePath} cannot be opened (errno {Marshal.GetLastPInvokeError()}).");
        }
    }

    public string FilePath { get; }

    /// <param name="address">Where the code executes.</param>
    /// <param name="sizeBytes">How much of it there is.</param>
    /// <param name="name">What perf shows; line ends in it become spaces.</param>
    public void Add(nint address, int sizeBytes, string name)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{address:x} {sizeBytes:x} {name.ReplaceLineEndings(" ")}\n");

        // The offset is ignored: the file is open for appending.
        RandomAccess.Write(_file, Encoding.UTF8.GetBytes(line), 0);
    }

    public void Dispose() => _file.Dispose();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags, int mode);
}
