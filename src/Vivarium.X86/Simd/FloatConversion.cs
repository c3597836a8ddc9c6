using System.Numerics;
using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>Conversions of one lane, with a shortcut where the host's conversion is provably the same.</summary>
internal static class FloatConversion
{
    /// <summary>To a signed integer of 32 or 64 bits; integer indefinite and IE when it does not fit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToInteger<T>(T value, int bits, RoundingMode mode, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (mode is RoundingMode.Zero or RoundingMode.Nearest && T.Abs(value) < (bits == 32 ? T.CreateTruncating(2147483000) : T.CreateTruncating(1L << 62)))
        {
            var rounded = mode == RoundingMode.Zero ? T.Truncate(value) : T.Round(value);
            if (!FloatLane.IsDenormal(value))
            {
                status.Flags |= rounded != value ? FloatFlags.Precision : 0;
                return long.CreateTruncating(rounded);
            }
        }

        return FloatInteger.ToInteger(FloatLane.Unpack(value, status.DenormalsAreZero), bits, mode, ref status);
    }

    /// <summary>From a signed integer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T FromInteger<T>(long value, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const long Exact32 = 1L << 24;
        const long Exact64 = 1L << 53;
        var limit = typeof(T) == typeof(double) ? Exact64 : Exact32;
        return value >= -limit && value <= limit
            ? T.CreateTruncating(value)
            : FloatLane.Pack<T>(FloatConvert.FromInt64(value, FloatLane.Format<T>(), ref status));
    }

    public static double Widen(float value, ref FloatStatus status) => float.IsNormal(value) || value == 0 && !FloatLane.IsDenormal(value)
        ? value
        : FloatLane.Pack<double>(FloatConvert.Convert(FloatLane.Unpack(value, status.DenormalsAreZero), FloatFormat.Binary64, ref status));

    public static float Narrow(double value, uint mxcsr, ref FloatStatus status)
    {
        if (FloatLane.IsDefaultControl(mxcsr) && !FloatLane.IsDenormal(value))
        {
            var result = (float)value;
            if (FloatLane.IsMidRange(result) || value == 0)
            {
                status.Flags |= result != value ? FloatFlags.Precision : 0;
                return result;
            }
        }

        return FloatLane.Pack<float>(FloatConvert.Convert(FloatLane.Unpack(value, status.DenormalsAreZero), FloatFormat.Binary32, ref status));
    }

    /// <summary>ROUNDSS and its kin: bits 1:0 rounding, bit 2 MXCSR's rounding instead, bit 3 no PE. Denormals raise nothing.</summary>
    public static T RoundToIntegral<T>(T value, int control, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var mode = (control & 4) != 0 ? status.Rounding : (RoundingMode)(control & 3);
        var parts = FloatLane.Unpack(value, status.DenormalsAreZero);
        parts.Denormal = false;
        var before = status.Flags;
        var result = FloatInteger.RoundToIntegral(parts, mode, ref status);
        if ((control & 8) != 0)
        {
            status.Flags &= ~FloatFlags.Precision | before;
        }

        return FloatLane.Pack<T>(result);
    }

    /// <summary>RCPSS, RCPPS: the reciprocal, better than the required 1.5 × 2^-12. Denormals count as zero, and no exception is raised.</summary>
    public static float Reciprocal(float value)
    {
        if (float.IsNaN(value))
        {
            return Quieted(value);
        }

        return FloatLane.IsDenormal(value) ? float.CopySign(float.PositiveInfinity, value) : FlushDenormal(1f / value);
    }

    /// <summary>RSQRTSS, RSQRTPS, likewise.</summary>
    public static float ReciprocalSquareRoot(float value)
    {
        if (float.IsNaN(value))
        {
            return Quieted(value);
        }

        if (value == 0 || FloatLane.IsDenormal(value))
        {
            return float.CopySign(float.PositiveInfinity, value);
        }

        return value < 0 ? FloatLane.FromBits<float>(Binary32.DefaultNaN) : (float)(1d / Math.Sqrt(value));
    }

    private static float Quieted(float value) => FloatLane.FromBits<float>(FloatLane.Bits(value) | Binary32.QuietBit);

    private static float FlushDenormal(float value) => FloatLane.IsDenormal(value) ? float.CopySign(0f, value) : value;
}
