using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>Contents of memory, reproducible by number: integers and floats at their edges, pointers, noise.</summary>
internal static class LabData
{
    public const int Count = 64;

    private static readonly byte[][] s_contents = [.. Enumerable.Range(0, Count).Select(Create)];

    /// <summary>All frames one after the other.</summary>
    public static ReadOnlySpan<byte> Content(int number) => s_contents[number % Count];

    private static byte[] Create(int number)
    {
        var content = new byte[LabLayout.FrameCount << 12];
        if (number != 0)
        {
            var values = new EdgeValues(new Random(number * 31), (number & 1) != 0 ? 64 : 32);
            foreach (ref var value in MemoryMarshal.Cast<byte, ulong>(content.AsSpan()))
            {
                value = values.Memory();
            }
        }

        return content;
    }
}
