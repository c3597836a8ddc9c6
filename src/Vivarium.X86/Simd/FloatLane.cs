using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>One SSE lane, <c>float</c> or <c>double</c>, taken as bits: the type tests below fold away in each instantiation.</summary>
internal static class FloatLane
{
    /// <summary>All exceptions masked and rounding to nearest: the host's own arithmetic gives the same values.</summary>
    private const uint DefaultControlMask = 0x7F80;
    private const uint DefaultControl = 0x1F80;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDefaultControl(uint mxcsr) => (mxcsr & DefaultControlMask) == DefaultControl;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatFormat Format<T>() => typeof(T) == typeof(double) ? FloatFormat.Binary64 : FloatFormat.Binary32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits<T>(T value) =>
        typeof(T) == typeof(double) ? Unsafe.BitCast<T, ulong>(value) : Unsafe.BitCast<T, uint>(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T FromBits<T>(ulong bits) =>
        typeof(T) == typeof(double) ? Unsafe.BitCast<ulong, T>(bits) : Unsafe.BitCast<uint, T>((uint)bits);

    public static FloatParts Unpack<T>(T value, bool denormalsAreZero) => typeof(T) == typeof(double)
        ? Binary64.Unpack(Bits(value), denormalsAreZero)
        : Binary32.Unpack((uint)Bits(value), denormalsAreZero);

    public static T Pack<T>(in FloatParts value) => FromBits<T>(typeof(T) == typeof(double) ? Binary64.Pack(value) : Binary32.Pack(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDenormal<T>(T value) => typeof(T) == typeof(double)
        ? (Bits(value) << 1) - 1 < (1UL << 53) - 1
        : ((uint)Bits(value) << 1) - 1 < (1U << 24) - 1;

    /// <summary>
    /// Normal, so far from underflow that residuals of products, quotients and roots are exact, and not the largest binades.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsMidRange<T>(T value) => typeof(T) == typeof(double)
        ? ((uint)(Bits(value) >> 52) & 0x7FF) - 128 < 0x7FE - 128
        : (((uint)Bits(value) >> 23) & 0xFF) - 2 < 0xFE - 2;

    /// <summary>Whether any lane is denormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyDenormal<T>(Vector128<T> value) => typeof(T) == typeof(double)
        ? Vector128.LessThanAny((value.AsUInt64() << 1) - Vector128<ulong>.One, Vector128.Create((1UL << 53) - 1))
        : Vector128.LessThanAny((value.AsUInt32() << 1) - Vector128<uint>.One, Vector128.Create((1U << 24) - 1));

    /// <summary>Whether every lane is in the middle range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllMidRange<T>(Vector128<T> value) => typeof(T) == typeof(double)
        ? Vector128.LessThanAll(((value.AsUInt64() << 1) >>> 53) - Vector128.Create(128UL), Vector128.Create(0x7FEUL - 128))
        : Vector128.LessThanAll(((value.AsUInt32() << 1) >>> 24) - Vector128.Create(2U), Vector128.Create(0xFEU - 2));
}
