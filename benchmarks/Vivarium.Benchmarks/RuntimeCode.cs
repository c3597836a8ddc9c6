using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Vivarium.Benchmarks;

/// <summary>x86-64 code that is on every Linux x64 machine that has .NET: the executable part of the runtime's own library, an ELF file.</summary>
internal static class RuntimeCode
{
    private const int ProgramHeadersOffset = 32;
    private const int ProgramHeaderBytes = 54;
    private const int ProgramHeaderCount = 56;
    private const uint Load = 1;
    private const uint Executable = 1;

    /// <exception cref="PlatformNotSupportedException">The runtime's code is not x86-64 in an ELF file.</exception>
    public static byte[] Read()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new PlatformNotSupportedException("The code that this benchmark translates is that of .NET on Linux x64.");
        }

        var file = File.ReadAllBytes(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libcoreclr.so"));
        var headers = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(ProgramHeadersOffset));
        var headerBytes = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(ProgramHeaderBytes));
        var count = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(ProgramHeaderCount));
        for (var i = 0; i < count; i++)
        {
            var header = file.AsSpan(headers + (i * headerBytes), headerBytes);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) == Load && (BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) & Executable) != 0)
            {
                var offset = (int)BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
                return file.AsSpan(offset, (int)BinaryPrimitives.ReadUInt64LittleEndian(header[32..])).ToArray();
            }
        }

        throw new PlatformNotSupportedException("The runtime's library has no executable segment.");
    }
}
