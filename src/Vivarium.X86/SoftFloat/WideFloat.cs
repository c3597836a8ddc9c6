namespace Vivarium.X86;

/// <summary>
/// A number with 128 bits of precision for the transcendental functions: Significand / 2^127 × 2^Exponent, bit 127 set, or zero.
/// Operations are accurate to a few units of the last place, far below half a unit of the 64 bits that they are rounded to.
/// </summary>
internal readonly struct WideFloat(bool sign, int exponent, UInt128 significand)
{
    public readonly bool Sign = sign;
    public readonly int Exponent = exponent;
    public readonly UInt128 Significand = significand;

    public static readonly WideFloat One = FromInteger(1);

    public bool IsZero => Significand == UInt128.Zero;

    public static WideFloat FromParts(in FloatParts value) =>
        value.Class == FloatClass.Zero ? default : new(value.Sign, value.Exponent, (UInt128)value.Significand << 64);

    /// <summary>An integer times 2^<paramref name="scale"/>.</summary>
    public static WideFloat FromInteger(UInt128 magnitude, bool sign = false, int scale = 0)
    {
        if (magnitude == UInt128.Zero)
        {
            return default;
        }

        var shift = (int)UInt128.LeadingZeroCount(magnitude);
        return new(sign, 127 - shift + scale, magnitude << shift);
    }

    public static WideFloat operator -(WideFloat a) => new(!a.Sign, a.Exponent, a.Significand);

    public static WideFloat operator -(WideFloat a, WideFloat b) => a + -b;

    public static WideFloat operator +(WideFloat a, WideFloat b)
    {
        if (a.IsZero || b.IsZero)
        {
            return a.IsZero ? b : a;
        }

        if (a.Exponent < b.Exponent || (a.Exponent == b.Exponent && a.Significand < b.Significand))
        {
            (a, b) = (b, a);
        }

        // The smaller operand never vanishes wholly, so that the sum rounds to the right side.
        var distance = a.Exponent - b.Exponent;
        var shifted = distance < 128 ? b.Significand >> distance : UInt128.One;
        if (a.Sign != b.Sign)
        {
            return FromInteger(a.Significand - shifted, a.Sign, a.Exponent - 127);
        }

        var sum = a.Significand + shifted;
        return sum >= a.Significand
            ? new(a.Sign, a.Exponent, sum)
            : new(a.Sign, a.Exponent + 1, (sum >> 1) | (UInt128.One << 127));
    }

    public static WideFloat operator *(WideFloat a, WideFloat b)
    {
        if (a.IsZero || b.IsZero)
        {
            return default;
        }

        var product = WideInteger.MultiplyHigh(a.Significand, b.Significand);
        var exponent = a.Exponent + b.Exponent + 1;
        return (product >> 127) != UInt128.Zero
            ? new(a.Sign ^ b.Sign, exponent, product)
            : new(a.Sign ^ b.Sign, exponent - 1, product << 1);
    }

    public static WideFloat operator /(WideFloat a, WideFloat b) => a.IsZero ? default : a * b.Reciprocal();

    public WideFloat Scale(int power) => IsZero ? this : new(Sign, Exponent + power, Significand);

    public WideFloat Absolute() => new(false, Exponent, Significand);

    /// <summary>
    /// Evaluates a series in this variable by Horner's rule, the constant term first. As many terms are used as the magnitude needs for 100 bits.
    /// </summary>
    public WideFloat Series(ReadOnlySpan<WideFloat> coefficients)
    {
        var terms = IsZero ? 1 : Math.Clamp((100 / Math.Max(1, -Exponent - 1)) + 2, 1, coefficients.Length);
        var result = coefficients[terms - 1];
        for (var i = terms - 2; i >= 0; i--)
        {
            result = coefficients[i] + (result * this);
        }

        return result;
    }

    /// <summary>Rounds to 64 bits as an inexact result.</summary>
    public FloatParts Round(ref FloatStatus status) => Round(Sign, ref status);

    /// <summary>As above, with another sign.</summary>
    public FloatParts Round(bool sign, ref FloatStatus status) =>
        FloatRounding.Round(sign, Exponent, Significand | UInt128.One, FloatFormat.Extended, ref status);

    private WideFloat Reciprocal()
    {
        // 64 bits by division, doubled by one Newton step: r (2 - b r).
        var high = (ulong)(Significand >> 64);
        var quotient = high == 1UL << 63 ? ulong.MaxValue : WideInteger.Divide(1UL << 63, 0, high, out _);
        var estimate = FromInteger(quotient, Sign, -Exponent - 64);
        return estimate * (FromInteger(2) - (this * estimate));
    }
}
