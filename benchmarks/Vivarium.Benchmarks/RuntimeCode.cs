using System.Runtime.InteropServices;

namespace Vivarium.Benchmarks;

/// <summary>x86-64 code that is on every Linux x64 machine that has .NET: the largest segment of the runtime's own library, its code.</summary>
internal static class RuntimeCode
{
    /// <exception cref="PlatformNotSupportedException">The runtime's code is not x86-64 in an ELF file.</exception>
    public static byte[] Read()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new PlatformNotSupportedException("The code that this benchmark translates is that of .NET on Linux x64.");
        }

        var file = File.ReadAllBytes(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libcoreclr.so"));
        return ElfImage.Parse(file).Code().MaxBy(static piece => piece.Bytes.Length)!.Bytes.ToArray();
    }
}
