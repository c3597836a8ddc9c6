using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Shifts of lanes; counts beyond the lane give zero, or the sign for arithmetic ones.</summary>
internal static class LaneShift
{
    internal readonly struct Left<T> : IVectorShift
        where T : unmanaged, IShiftOperators<T, int, T>
    {
        public static Vector128<byte> Apply(Vector128<byte> a, ulong count) =>
            count < Bits<T>() ? (a.As<byte, T>() << (int)count).AsByte() : Vector128<byte>.Zero;
    }

    internal readonly struct Right<T> : IVectorShift
        where T : unmanaged, IShiftOperators<T, int, T>
    {
        public static Vector128<byte> Apply(Vector128<byte> a, ulong count) =>
            count < Bits<T>() ? (a.As<byte, T>() >>> (int)count).AsByte() : Vector128<byte>.Zero;
    }

    /// <summary>For signed lane types.</summary>
    internal readonly struct RightArithmetic<T> : IVectorShift
        where T : unmanaged, IShiftOperators<T, int, T>
    {
        public static Vector128<byte> Apply(Vector128<byte> a, ulong count) =>
            (a.As<byte, T>() >> (int)Math.Min(count, Bits<T>() - 1)).AsByte();
    }

    /// <summary>PSLLDQ.</summary>
    internal readonly struct LeftBytes : IVectorShift
    {
        public static Vector128<byte> Apply(Vector128<byte> a, ulong count) =>
            count > 15 ? Vector128<byte>.Zero : Unsafe.BitCast<UInt128, Vector128<byte>>(Unsafe.BitCast<Vector128<byte>, UInt128>(a) << (int)(count * 8));
    }

    /// <summary>PSRLDQ.</summary>
    internal readonly struct RightBytes : IVectorShift
    {
        public static Vector128<byte> Apply(Vector128<byte> a, ulong count) =>
            count > 15 ? Vector128<byte>.Zero : Unsafe.BitCast<UInt128, Vector128<byte>>(Unsafe.BitCast<Vector128<byte>, UInt128>(a) >> (int)(count * 8));
    }

    private static ulong Bits<T>()
        where T : unmanaged => (ulong)Unsafe.SizeOf<T>() * 8;
}
