using System.Runtime.InteropServices;

namespace Vivarium.Memory;

/// <summary>
/// Anonymous private mappings without swap reservation: the kernel adds a page at its first write, and reads of untouched pages share one
/// zero page. Run on Linux x64; the macOS constants are from its headers and have not been run.
/// </summary>
internal sealed unsafe partial class PosixHostMemory : IHostMemory
{
    private const int ProtReadWrite = 3;
    private const int MapPrivate = 2;
    private const int LinuxMapAnonymous = 0x20;
    private const int LinuxMapNoReserve = 0x4000;
    private const int MacMapAnonymous = 0x1000;
    private const int MacMapNoReserve = 0x40;
    private const int LinuxAdviseDontNeed = 4;
    private const int LinuxAdviseNoHugePage = 15;
    private const int LinuxAdvisePopulateWrite = 23;
    private const int MapFixed = 0x10;

    public byte* Reserve(nuint sizeBytes)
    {
        var address = Map(null, sizeBytes, 0);
        if (OperatingSystem.IsLinux())
        {
            // One guest byte must not cost 2 MiB; kernels without huge pages refuse the advice, which is as good.
            _ = MemoryAdvise(address, sizeBytes, LinuxAdviseNoHugePage);
        }

        return address;
    }

    public void Discard(byte* address, nuint sizeBytes)
    {
        if (!OperatingSystem.IsLinux() || MemoryAdvise(address, sizeBytes, LinuxAdviseDontNeed) != 0)
        {
            Map(address, sizeBytes, MapFixed);
        }
    }

    public void Populate(byte* address, nuint sizeBytes)
    {
        if (OperatingSystem.IsLinux())
        {
            // Kernels before 5.14 refuse; then each page comes at its first touch as ever.
            _ = MemoryAdvise(address, sizeBytes, LinuxAdvisePopulateWrite);
        }
    }

    public void Release(byte* address, nuint sizeBytes) => _ = MemoryUnmap(address, sizeBytes);

    private static byte* Map(byte* address, nuint sizeBytes, int extraFlags)
    {
        var flags = MapPrivate | extraFlags |
            (OperatingSystem.IsLinux() ? LinuxMapAnonymous | LinuxMapNoReserve : MacMapAnonymous | MacMapNoReserve);

        // SAFETY: a fixed mapping replaces only pages that Discard's caller owns; any other mapping goes where the kernel has room.
        var mapped = MemoryMap(address, sizeBytes, ProtReadWrite, flags, -1, 0);
        return (nint)mapped != -1
            ? mapped
            : throw new OutOfMemoryException(
                $"The host refused to reserve {sizeBytes:N0} bytes of address space for guest memory (errno {Marshal.GetLastPInvokeError()}).");
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial byte* MemoryMap(byte* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int MemoryUnmap(byte* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int MemoryAdvise(byte* address, nuint length, int advice);
}
