namespace Vivarium.X86;

/// <summary>Rounding to integers and conversion from and to them.</summary>
internal static class FloatInteger
{
    /// <summary>Rounds to an integral value of the same format (FRNDINT, ROUNDSD). PE when inexact.</summary>
    public static FloatParts RoundToIntegral(in FloatParts a, RoundingMode mode, ref FloatStatus status)
    {
        if (a.IsSpecial)
        {
            return FloatNaN.Propagate(a, ref status);
        }

        if (a.Class != FloatClass.Finite)
        {
            return a;
        }

        status.NoteDenormal(a);
        if (a.Exponent >= 63)
        {
            return a with { Denormal = false };
        }

        var magnitude = RoundMagnitude(a, mode, out var inexact, out var up);
        if (inexact)
        {
            status.Flags |= FloatFlags.Precision;
            status.RoundedUp = up;
        }

        return magnitude == 0 ? FloatParts.Zero(a.Sign) : FloatParts.FromInt64((long)magnitude).WithSign(a.Sign);
    }

    /// <summary>
    /// Converts to a signed integer of <paramref name="bits"/> bits. NaN and out of range raise IE alone and give the integer indefinite,
    /// the most negative value. The result is sign-extended.
    /// </summary>
    public static long ToInteger(in FloatParts a, int bits, RoundingMode mode, ref FloatStatus status)
    {
        var indefinite = long.MinValue >> (64 - bits);
        if (a.Class == FloatClass.Zero)
        {
            return 0;
        }

        if (a.Class != FloatClass.Finite || a.Exponent >= 64)
        {
            status.Flags |= FloatFlags.Invalid;
            return indefinite;
        }

        var magnitude = RoundMagnitude(a, mode, out var inexact, out var up);
        var limit = (1UL << (bits - 1)) - (a.Sign ? 0UL : 1UL);
        if (magnitude > limit)
        {
            status.Flags |= FloatFlags.Invalid;
            return indefinite;
        }

        if (inexact)
        {
            status.Flags |= FloatFlags.Precision;
            status.RoundedUp = up;
        }

        return a.Sign ? -(long)magnitude : (long)magnitude;
    }

    /// <summary>Rounds the magnitude of a finite value below 2^64; a carry out of 64 bits saturates, beyond every limit of the callers.</summary>
    public static ulong RoundMagnitude(in FloatParts a, RoundingMode mode, out bool inexact, out bool up)
    {
        var high = a.Significand;
        var low = 0UL;
        FloatRounding.ShiftRightJam(ref high, ref low, 63 - a.Exponent);
        var rounded = FloatRounding.RoundSignificand(a.Sign, high, low, 64, mode, out inexact, out up);
        return rounded < high ? ulong.MaxValue : rounded;
    }
}
