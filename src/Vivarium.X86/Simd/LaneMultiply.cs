using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Integer products and sums of products. 16-bit products are formed in 32-bit lanes, the even and the odd ones apart.</summary>
internal static class LaneMultiply
{
    internal readonly struct MultiplyLow<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => (a.As<byte, T>() * b.As<byte, T>()).AsByte();
    }

    /// <summary>PMULHW.</summary>
    internal readonly struct MultiplyHighSigned : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var even = EvenSigned(a) * EvenSigned(b);
            var odd = OddSigned(a) * OddSigned(b);
            return Join(even >>> 16, odd);
        }
    }

    /// <summary>PMULHUW.</summary>
    internal readonly struct MultiplyHighUnsigned : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var even = (a.AsInt32() & Vector128.Create(0xFFFF)) * (b.AsInt32() & Vector128.Create(0xFFFF));
            var odd = (a.AsInt32() >>> 16) * (b.AsInt32() >>> 16);
            return Join(even >>> 16, odd);
        }
    }

    /// <summary>PMULHRSW: the product / 2^15, rounded.</summary>
    internal readonly struct MultiplyHighRounded : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var even = Scale(EvenSigned(a) * EvenSigned(b));
            var odd = Scale(OddSigned(a) * OddSigned(b));
            return Join(even & Vector128.Create(0xFFFF), odd << 16);
        }

        private static Vector128<int> Scale(Vector128<int> product) => ((product >> 14) + Vector128<int>.One) >> 1;
    }

    /// <summary>PMADDWD.</summary>
    internal readonly struct MultiplyAddWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            ((EvenSigned(a) * EvenSigned(b)) + (OddSigned(a) * OddSigned(b))).AsByte();
    }

    /// <summary>PMADDUBSW: unsigned bytes of the first, signed bytes of the second operand; the sums saturate.</summary>
    internal readonly struct MultiplyAddBytes : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var even = (a.AsInt16() & Vector128.Create((short)0xFF)) * ((b.AsInt16() << 8) >> 8);
            var odd = (a.AsInt16() >>> 8) * (b.AsInt16() >> 8);
            return Vector128.AddSaturate(even, odd).AsByte();
        }
    }

    /// <summary>PMULUDQ.</summary>
    internal readonly struct MultiplyEvenUnsigned : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var (x, y) = (a.AsUInt64(), b.AsUInt64());
            return Vector128.Create((ulong)(uint)x[0] * (uint)y[0], (ulong)(uint)x[1] * (uint)y[1]).AsByte();
        }
    }

    /// <summary>PMULDQ.</summary>
    internal readonly struct MultiplyEvenSigned : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var (x, y) = (a.AsInt64(), b.AsInt64());
            return Vector128.Create((long)(int)x[0] * (int)y[0], (long)(int)x[1] * (int)y[1]).AsByte();
        }
    }

    /// <summary>PSADBW: the sum of absolute differences in each half.</summary>
    internal readonly struct SumOfDifferences : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var difference = Vector128.Max(a, b) - Vector128.Min(a, b);
            return Vector128.Create((ulong)Vector128.Sum(Vector128.WidenLower(difference)), Vector128.Sum(Vector128.WidenUpper(difference))).AsByte();
        }
    }

    private static Vector128<int> EvenSigned(Vector128<byte> a) => (a.AsInt32() << 16) >> 16;

    private static Vector128<int> OddSigned(Vector128<byte> a) => a.AsInt32() >> 16;

    private static Vector128<byte> Join(Vector128<int> even, Vector128<int> odd) => (even | (odd & Vector128.Create(unchecked((int)0xFFFF0000)))).AsByte();
}
