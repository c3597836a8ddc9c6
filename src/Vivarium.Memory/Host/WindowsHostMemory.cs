using System.Runtime.InteropServices;

namespace Vivarium.Memory;

/// <summary>
/// Committed private memory: no physical page until the first touch, but its size counts against the system's commit limit.
/// Not run on Windows yet.
/// </summary>
internal sealed unsafe partial class WindowsHostMemory : IHostMemory
{
    private const uint CommitAndReserve = 0x3000;
    private const uint Commit = 0x1000;
    private const uint Decommit = 0x4000;
    private const uint ReleaseAll = 0x8000;
    private const uint PageReadWrite = 4;

    public byte* Reserve(nuint sizeBytes)
    {
        var address = VirtualAlloc(null, sizeBytes, CommitAndReserve, PageReadWrite);
        return address != null
            ? address
            : throw new OutOfMemoryException(
                $"The host refused to reserve {sizeBytes:N0} bytes for guest memory (error {Marshal.GetLastPInvokeError()}).");
    }

    public void Discard(byte* address, nuint sizeBytes)
    {
        // SAFETY: the caller owns the range; committing again gives zeroed pages at the same addresses.
        if (VirtualFree(address, sizeBytes, Decommit) == 0 || VirtualAlloc(address, sizeBytes, Commit, PageReadWrite) == null)
        {
            throw new OutOfMemoryException($"The host refused to renew {sizeBytes:N0} bytes of guest memory.");
        }
    }

    public void Populate(byte* address, nuint sizeBytes)
    {
        // Windows has no such call for committed memory: each page comes at its first touch.
    }

    public void Release(byte* address, nuint sizeBytes) => _ = VirtualFree(address, 0, ReleaseAll);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial byte* VirtualAlloc(byte* address, nuint size, uint allocationType, uint protection);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial int VirtualFree(byte* address, nuint size, uint freeType);
}
