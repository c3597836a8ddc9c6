using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>Rounds an exact (or sticky) result to a format, with the exceptions of x86: tininess is detected after rounding (Intel SDM Vol. 1 §4.9).</summary>
internal static class FloatRounding
{
    /// <summary>What unmasked x87 over- and underflow subtract from or add to the exponent (Intel SDM Vol. 1 §8.5.4).</summary>
    public const int BiasAdjustment = 24576;

    /// <summary>Rounds (high:low) / 2^127 × 2^exponent, bit 63 of <paramref name="high"/> set, bit 0 of <paramref name="low"/> sticky.</summary>
    public static FloatParts Round(bool sign, int exponent, ulong high, ulong low, in FloatFormat format, ref FloatStatus status)
    {
        if (exponent < format.MinExponent)
        {
            return RoundTiny(sign, exponent, high, low, format, ref status);
        }

        var kept = RoundSignificand(sign, high, low, format.Precision, status.Rounding, out var inexact, out var up);
        if (kept == 0)
        {
            kept = FloatParts.IntegerBit;
            exponent++;
        }

        if (exponent > format.MaxExponent)
        {
            return Overflow(sign, exponent, kept, inexact, up, format, ref status);
        }

        NoteInexact(inexact, up, ref status);
        return FloatParts.Finite(sign, exponent, kept);
    }

    public static FloatParts Round(bool sign, int exponent, UInt128 significand, in FloatFormat format, ref FloatStatus status) =>
        Round(sign, exponent, (ulong)(significand >> 64), (ulong)significand, format, ref status);

    /// <summary>Rounds to <paramref name="precision"/> bits counted from bit 63; 0 means a carry out of bit 63.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong RoundSignificand(bool sign, ulong high, ulong low, int precision, RoundingMode mode, out bool inexact, out bool up)
    {
        const ulong Tie = 1UL << 63;
        var unit = 1UL << (64 - precision);
        var kept = high & (0 - unit);
        var dropped = precision == 64 ? low : (high << precision) | (low != 0 ? 1UL : 0);
        inexact = dropped != 0;
        up = mode switch
        {
            RoundingMode.Nearest => dropped > Tie || (dropped == Tie && (kept & unit) != 0),
            RoundingMode.Down => sign & inexact,
            RoundingMode.Up => !sign & inexact,
            _ => false,
        };
        return up ? kept + unit : kept;
    }

    private static FloatParts RoundTiny(bool sign, int exponent, ulong high, ulong low, in FloatFormat format, ref FloatStatus status)
    {
        var kept = RoundSignificand(sign, high, low, format.Precision, status.Rounding, out var inexact, out var up);
        var tiny = exponent < format.MinExponent - 1 || kept != 0;
        if (tiny && status.FlushToZero)
        {
            status.Flags |= FloatFlags.Underflow | FloatFlags.Precision;
            return FloatParts.Zero(sign);
        }

        if (tiny && status.IsUnmasked(FloatFlags.Underflow))
        {
            status.Flags |= FloatFlags.Underflow;
            if (status.X87)
            {
                var biased = exponent + BiasAdjustment + (kept == 0 ? 1 : 0);
                if (biased < format.MinExponent)
                {
                    // Only FSCALE gets so far.
                    status.Flags |= FloatFlags.Precision;
                    return FloatParts.Zero(sign);
                }

                NoteInexact(inexact, up, ref status);
                return FloatParts.Finite(sign, biased, kept == 0 ? FloatParts.IntegerBit : kept);
            }

            // SSE gives no result; whether it is inexact goes by the one without limits of the exponent (Intel SDM Vol. 1 §E.4.3).
            NoteInexact(inexact, up, ref status);
            return FloatParts.Zero(sign);
        }

        var shift = format.MinExponent - exponent;
        ShiftRightJam(ref high, ref low, shift);
        kept = RoundSignificand(sign, high, low, format.Precision, status.Rounding, out inexact, out up);
        if (inexact)
        {
            NoteInexact(true, up, ref status);
            if (tiny)
            {
                status.Flags |= FloatFlags.Underflow;
            }
        }

        return kept == 0 ? FloatParts.Zero(sign) : FloatParts.Finite(sign, format.MinExponent, kept);
    }

    private static FloatParts Overflow(
        bool sign, int exponent, ulong kept, bool inexact, bool up, in FloatFormat format, ref FloatStatus status)
    {
        status.Flags |= FloatFlags.Overflow;
        if (status.IsUnmasked(FloatFlags.Overflow))
        {
            NoteInexact(inexact, up, ref status);
            if (status.X87)
            {
                if (exponent - BiasAdjustment <= format.MaxExponent)
                {
                    return FloatParts.Finite(sign, exponent - BiasAdjustment, kept);
                }

                // Only FSCALE gets so far.
                status.Flags |= FloatFlags.Precision;
                status.RoundedUp = true;
                return FloatParts.Infinity(sign);
            }
        }
        else
        {
            status.Flags |= FloatFlags.Precision;
        }

        status.RoundedUp = status.Rounding switch
        {
            RoundingMode.Nearest => true,
            RoundingMode.Down => sign,
            RoundingMode.Up => !sign,
            _ => false,
        };
        return status.RoundedUp
            ? FloatParts.Infinity(sign)
            : FloatParts.Finite(sign, format.MaxExponent, 0 - (1UL << (64 - format.Precision)));
    }

    private static void NoteInexact(bool inexact, bool up, ref FloatStatus status)
    {
        if (inexact)
        {
            status.Flags |= FloatFlags.Precision;
            status.RoundedUp = up;
        }
    }

    /// <summary>Shifts right, keeping the lost bits' disjunction in bit 0.</summary>
    public static void ShiftRightJam(ref ulong high, ref ulong low, int count)
    {
        if (count == 0)
        {
            return;
        }

        if (count >= 128)
        {
            low = (high | low) != 0 ? 1UL : 0;
            high = 0;
        }
        else if (count >= 64)
        {
            var lost = low | (count == 64 ? 0 : high << (128 - count));
            low = (count == 64 ? high : high >> (count - 64)) | (lost != 0 ? 1UL : 0);
            high = 0;
        }
        else
        {
            var lost = low << (64 - count);
            low = (low >> count) | (high << (64 - count)) | (lost != 0 ? 1UL : 0);
            high >>= count;
        }
    }
}
