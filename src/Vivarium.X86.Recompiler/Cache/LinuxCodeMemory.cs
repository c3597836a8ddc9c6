using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>A memfd mapped twice. It reserves no memory: the kernel adds a page at its first touch.</summary>
internal sealed unsafe partial class LinuxCodeMemory : ICodeMemoryHost
{
    private const int ProtRead = 1;
    private const int ProtWrite = 2;
    private const int ProtExecute = 4;
    private const int MapShared = 1;
    private const uint CloseOnExec = 1;
    private const uint Executable = 0x10;
    private const int InvalidArgument = 22;
    private const int AdviseDontNeed = 4;
    private const int AdvisePopulateWrite = 23;

    public void Map(nuint sizeBytes, out byte* writable, out byte* executable)
    {
        var file = Create(sizeBytes);
        try
        {
            if (SetFileSize(file, (long)sizeBytes) != 0)
            {
                throw CodeMemoryRefused.Create(sizeBytes, "ftruncate", Marshal.GetLastPInvokeError());
            }

            writable = MapView(file, sizeBytes, ProtRead | ProtWrite);
            try
            {
                executable = MapView(file, sizeBytes, ProtRead | ProtExecute);
            }
            catch (OutOfMemoryException)
            {
                Unmap(writable, sizeBytes);
                throw;
            }
        }
        finally
        {
            // The views keep the object.
            _ = CloseFile(file);
        }
    }

    // Kernels before 5.14 do not know it: then each page is a fault at its first touch.
    public void Prepare(byte* view, nuint sizeBytes) => _ = MemoryAdvise(view, sizeBytes, AdvisePopulateWrite);

    public void Settle(byte* view, nuint sizeBytes) => _ = MemoryAdvise(view, sizeBytes, AdviseDontNeed);

    public void Unmap(byte* view, nuint sizeBytes) => _ = MemoryUnmap(view, sizeBytes);

    private static int Create(nuint sizeBytes)
    {
        var file = CreateMemoryFile("vivarium-code", CloseOnExec | Executable);
        if (file < 0 && Marshal.GetLastPInvokeError() == InvalidArgument)
        {
            // Kernels before 6.3 do not know the flag; their memfds are executable.
            file = CreateMemoryFile("vivarium-code", CloseOnExec);
        }

        return file >= 0 ? file : throw CodeMemoryRefused.Create(sizeBytes, "memfd_create", Marshal.GetLastPInvokeError());
    }

    private static byte* MapView(int file, nuint sizeBytes, int protection)
    {
        // SAFETY: without MAP_FIXED the kernel chooses addresses that nothing else uses.
        var view = MemoryMap(null, sizeBytes, protection, MapShared, file, 0);
        return (nint)view != -1 ? view : throw CodeMemoryRefused.Create(sizeBytes, "mmap", Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int SetFileSize(int file, long sizeBytes);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseFile(int file);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial byte* MemoryMap(byte* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(byte* address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MemoryUnmap(byte* address, nuint length);
}
