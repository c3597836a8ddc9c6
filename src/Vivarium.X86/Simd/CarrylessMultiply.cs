using System.Runtime.Intrinsics;
using HostPclmulqdq = System.Runtime.Intrinsics.X86.Pclmulqdq;

namespace Vivarium.X86;

/// <summary>PCLMULQDQ, on the host's instruction where it has it. Immediate bits 0 and 4 choose the halves.</summary>
internal readonly struct CarrylessMultiply : IVectorImmediate
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        var x = a.AsUInt64().GetElement(immediate & 1);
        var y = b.AsUInt64().GetElement((immediate >> 4) & 1);
        return HostPclmulqdq.IsSupported
            ? HostPclmulqdq.CarrylessMultiply(Vector128.CreateScalar(x), Vector128.CreateScalar(y), 0).AsByte()
            : Multiply(x, y);
    }

    internal static Vector128<byte> Multiply(ulong x, ulong y)
    {
        var (low, high) = (0UL, 0UL);
        for (var i = 0; i < 64; i++)
        {
            var mask = 0 - ((y >> i) & 1);
            low ^= (x << i) & mask;
            high ^= (i == 0 ? 0 : x >> (64 - i)) & mask;
        }

        return Vector128.Create(low, high).AsByte();
    }
}
