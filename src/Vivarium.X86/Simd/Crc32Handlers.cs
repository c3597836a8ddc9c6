using System.Numerics;

namespace Vivarium.X86;

/// <summary>CRC32 of SSE4.2: the Castagnoli polynomial over general registers. No control bit forbids it.</summary>
internal static unsafe class Crc32Handlers
{
    public static bool Accumulate<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var destination = SseUnit.Destination<ulong>(core, op);
        *destination = Apply((uint)*destination, source);
        return true;
    }

    private static uint Apply<T>(uint crc, T value)
        where T : unmanaged, IBinaryInteger<T> => sizeof(T) switch
        {
            1 => BitOperations.Crc32C(crc, byte.CreateTruncating(value)),
            2 => BitOperations.Crc32C(crc, ushort.CreateTruncating(value)),
            4 => BitOperations.Crc32C(crc, uint.CreateTruncating(value)),
            _ => BitOperations.Crc32C(crc, ulong.CreateTruncating(value)),
        };
}
