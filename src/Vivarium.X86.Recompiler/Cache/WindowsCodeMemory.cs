using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// A section of the paging file mapped twice: no physical page until the first touch, but its size counts against the system's commit limit.
/// Not run on Windows yet.
/// </summary>
internal sealed unsafe partial class WindowsCodeMemory : ICodeMemoryHost
{
    private const nint PagingFile = -1;
    private const uint PageExecuteReadWrite = 0x40;
    private const uint ViewWrite = 2;
    private const uint ViewRead = 4;
    private const uint ViewExecute = 0x20;

    public void Map(nuint sizeBytes, out byte* writable, out byte* executable)
    {
        var section = CreateFileMapping(PagingFile, 0, PageExecuteReadWrite, (uint)((ulong)sizeBytes >> 32), (uint)sizeBytes, 0);
        if (section == 0)
        {
            throw CodeMemoryRefused.Create(sizeBytes, "CreateFileMapping", Marshal.GetLastPInvokeError());
        }

        try
        {
            writable = MapView(section, sizeBytes, ViewRead | ViewWrite);
            try
            {
                executable = MapView(section, sizeBytes, ViewRead | ViewExecute);
            }
            catch (OutOfMemoryException)
            {
                Unmap(writable, sizeBytes);
                throw;
            }
        }
        finally
        {
            // The views keep the section.
            _ = CloseHandle(section);
        }
    }

    public void Prepare(byte* view, nuint sizeBytes)
    {
        // Pages come at their first touch.
    }

    public void Settle(byte* view, nuint sizeBytes)
    {
        // Views of a section share its pages; the working set is trimmed by the system.
    }

    public void Unmap(byte* view, nuint sizeBytes) => _ = UnmapViewOfFile(view);

    private static byte* MapView(nint section, nuint sizeBytes, uint access)
    {
        var view = MapViewOfFile(section, access, 0, 0, sizeBytes);
        return view != null ? view : throw CodeMemoryRefused.Create(sizeBytes, "MapViewOfFile", Marshal.GetLastPInvokeError());
    }

    [LibraryImport("kernel32", EntryPoint = "CreateFileMappingW", SetLastError = true)]
    private static partial nint CreateFileMapping(nint file, nint attributes, uint protection, uint sizeHigh, uint sizeLow, nint name);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial byte* MapViewOfFile(nint section, uint access, uint offsetHigh, uint offsetLow, nuint sizeBytes);

    [LibraryImport("kernel32")]
    private static partial int UnmapViewOfFile(byte* view);

    [LibraryImport("kernel32")]
    private static partial int CloseHandle(nint handle);
}
