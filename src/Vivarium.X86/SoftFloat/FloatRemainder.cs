namespace Vivarium.X86;

/// <summary>FPREM and FPREM1, in steps like hardware; FSCALE and FXTRACT.</summary>
internal static class FloatRemainder
{
    public const long Partial = -1;
    public const long None = -2;

    /// <summary>
    /// One step of a / b. <paramref name="quotient"/> gets the low bits of the integer quotient, <see cref="Partial"/> when more steps are
    /// needed, or <see cref="None"/> for NaNs and invalid operands.
    /// For FPREM1 the quotient is rounded to <paramref name="nearest"/> even, for FPREM truncated.
    /// </summary>
    public static FloatParts Remainder(in FloatParts a, in FloatParts b, bool nearest, out long quotient, ref FloatStatus status)
    {
        quotient = None;
        if (a.IsSpecial || b.IsSpecial)
        {
            return FloatNaN.Propagate(a, b, ref status);
        }

        if (a.Class == FloatClass.Infinity || b.Class == FloatClass.Zero)
        {
            return status.InvalidResult();
        }

        quotient = 0;
        status.NoteDenormal(a, b);
        if (a.Class == FloatClass.Zero)
        {
            return a;
        }

        var distance = a.Exponent - b.Exponent;
        if (b.Class == FloatClass.Infinity || distance < -1)
        {
            return FloatRounding.Round(a.Sign, a.Exponent, a.Significand, 0, FloatFormat.Extended, ref status);
        }

        if (distance >= 64)
        {
            // Between 32 and 63 bits of the quotient at a time (Intel SDM Vol. 2A, FPREM).
            quotient = Partial;
            var step = 32 + (distance & 31);
            var partial = Reduce(a.Significand, b.Significand, step, out _);
            return Normalise(a.Sign, b.Exponent + distance - step, partial, ref status);
        }

        if (distance < 0)
        {
            // The quotient is 0, or for FPREM1 1 when a is more than half of b.
            if (!nearest || a.Significand <= b.Significand)
            {
                return FloatRounding.Round(a.Sign, a.Exponent, a.Significand, 0, FloatFormat.Extended, ref status);
            }

            quotient = 1;
            var excess = ((UInt128)b.Significand << 1) - a.Significand;
            return NormaliseWide(!a.Sign, b.Exponent - 1, excess, ref status);
        }

        var rest = Reduce(a.Significand, b.Significand, distance, out var bits);
        var sign = a.Sign;
        if (nearest)
        {
            var twice = (UInt128)rest << 1;
            if (twice > b.Significand || (twice == b.Significand && (bits & 1) != 0))
            {
                bits++;
                rest = b.Significand - rest;
                sign = !sign;
            }
        }

        quotient = (long)(bits & 7);
        return rest == 0 ? FloatParts.Zero(a.Sign) : Normalise(sign, b.Exponent, rest, ref status);
    }

    /// <summary>a × 2^trunc(b).</summary>
    public static FloatParts Scale(in FloatParts a, in FloatParts b, ref FloatStatus status)
    {
        const int Limit = 1 << 17;
        if (a.IsSpecial || b.IsSpecial)
        {
            return FloatNaN.Propagate(a, b, ref status);
        }

        if (b.Class == FloatClass.Infinity)
        {
            if ((a.Class == FloatClass.Infinity && b.Sign) || (a.Class == FloatClass.Zero && !b.Sign))
            {
                return status.InvalidResult();
            }

            status.NoteDenormal(a);
            return b.Sign ? FloatParts.Zero(a.Sign) : FloatParts.Infinity(a.Sign);
        }

        status.NoteDenormal(a, b);
        if (a.Class != FloatClass.Finite)
        {
            return a;
        }

        var power = 0;
        if (b.Class == FloatClass.Finite && b.Exponent >= 0)
        {
            power = b.Exponent > 16 ? Limit : (int)(b.Significand >> (63 - b.Exponent));
            power = b.Sign ? -power : power;
        }

        return FloatRounding.Round(a.Sign, a.Exponent + power, a.Significand, 0, FloatFormat.Extended, ref status);
    }

    /// <summary>The unbiased exponent as a number, and the significand with the exponent of 1.</summary>
    public static FloatParts Extract(in FloatParts a, out FloatParts significand, ref FloatStatus status)
    {
        if (a.IsSpecial)
        {
            return significand = FloatNaN.Propagate(a, ref status);
        }

        significand = a with { Denormal = false, Exponent = 0 };
        switch (a.Class)
        {
            case FloatClass.Infinity:
                return FloatParts.Infinity(false);
            case FloatClass.Zero:
                status.Flags |= FloatFlags.ZeroDivide;
                return FloatParts.Infinity(true);
            default:
                status.NoteDenormal(a);
                return FloatParts.FromInt64(a.Exponent);
        }
    }

    /// <summary>(a × 2^shift) mod b and the low 64 bits of the quotient, for significands with bit 63 set.</summary>
    private static ulong Reduce(ulong a, ulong b, int shift, out ulong quotient)
    {
        quotient = a >= b ? 1UL : 0;
        var rest = a >= b ? a - b : a;
        if (shift == 0)
        {
            return rest;
        }

        var digits = WideInteger.Divide(rest >> (64 - shift), rest << shift, b, out rest);
        quotient = (quotient << shift) | digits;
        return rest;
    }

    private static FloatParts Normalise(bool sign, int exponent, ulong rest, ref FloatStatus status) => NormaliseWide(sign, exponent, rest, ref status);

    private static FloatParts NormaliseWide(bool sign, int exponent, UInt128 rest, ref FloatStatus status)
    {
        if (rest == UInt128.Zero)
        {
            return FloatParts.Zero(sign);
        }

        var shift = (int)UInt128.LeadingZeroCount(rest);
        return FloatRounding.Round(sign, exponent + 64 - shift, rest << shift, FloatFormat.Extended, ref status);
    }
}
