using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Permutations within 128 bits, and shifts by a count of each lane's own: operations that came with AVX and AVX2.</summary>
internal static class LanePermute
{
    /// <summary>VPERMILPS with a vector of controls.</summary>
    internal readonly struct Singles : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.Shuffle(a.AsUInt32(), b.AsUInt32() & Vector128.Create(3u)).AsByte();
    }

    /// <summary>VPERMILPD with a vector of controls: bit 1 of each.</summary>
    internal readonly struct Doubles : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.Shuffle(a.AsUInt64(), (b.AsUInt64() >>> 1) & Vector128<ulong>.One).AsByte();
    }

    /// <summary>VPERMILPD with an immediate, a bit for each result.</summary>
    internal readonly struct DoublesImmediate : IVectorImmediate
    {
        public static byte Upper(byte immediate) => (byte)(immediate >> 2);

        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
            LaneShuffle.Doubles.Apply(b, b, immediate);
    }

    /// <summary>VPSLLVD, VPSLLVQ.</summary>
    internal readonly struct ShiftLeft<T> : IVectorBinary
        where T : unmanaged, IBinaryInteger<T>
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var (values, counts) = (a.As<byte, T>(), b.As<byte, T>());
            for (var i = 0; i < Vector128<T>.Count; i++)
            {
                values = values.WithElement(i, IsWithin(counts.GetElement(i)) ? values.GetElement(i) << int.CreateTruncating(counts.GetElement(i)) : T.Zero);
            }

            return values.AsByte();
        }
    }

    /// <summary>VPSRLVD, VPSRLVQ, for unsigned lane types.</summary>
    internal readonly struct ShiftRight<T> : IVectorBinary
        where T : unmanaged, IBinaryInteger<T>
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var (values, counts) = (a.As<byte, T>(), b.As<byte, T>());
            for (var i = 0; i < Vector128<T>.Count; i++)
            {
                values = values.WithElement(i, IsWithin(counts.GetElement(i)) ? values.GetElement(i) >> int.CreateTruncating(counts.GetElement(i)) : T.Zero);
            }

            return values.AsByte();
        }
    }

    /// <summary>VPSRAVD: counts beyond the lane give the sign.</summary>
    internal readonly struct ShiftRightArithmetic : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var values = a.AsInt32();
            for (var i = 0; i < Vector128<int>.Count; i++)
            {
                values = values.WithElement(i, values.GetElement(i) >> (int)Math.Min(b.AsUInt32().GetElement(i), 31));
            }

            return values.AsByte();
        }
    }

    private static bool IsWithin<T>(T count)
        where T : unmanaged, IBinaryInteger<T> => ulong.CreateTruncating(count) < (ulong)Unsafe.SizeOf<T>() * 8;
}
