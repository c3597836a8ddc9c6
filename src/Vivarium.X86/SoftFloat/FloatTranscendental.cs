namespace Vivarium.X86;

/// <summary>
/// Exponential, logarithms and arctangent with 64-bit results, correctly rounded except in cases closer than about 2^-90 to a tie.
/// Special cases follow the tables of Intel SDM Vol. 2 (F2XM1, FYL2X, FYL2XP1, FPATAN).
/// </summary>
internal static class FloatTranscendental
{
    /// <summary>Bits 63:0 of the significand of √2: mantissas above it are halved before the logarithm.</summary>
    private const ulong RootOfTwo = 0xB504F333F9DE6484;

    /// <summary>2^x - 1 for -1 ≤ x ≤ 1; beyond, where the result is undefined, x.</summary>
    public static FloatParts ExponentialMinusOne(in FloatParts x, ref FloatStatus status)
    {
        if (x.IsSpecial)
        {
            return FloatNaN.Propagate(x, ref status);
        }

        if (x.Class == FloatClass.Infinity)
        {
            return x.Sign ? FloatParts.One.Negated() : x;
        }

        if (x.Class == FloatClass.Zero)
        {
            return x;
        }

        status.NoteDenormal(x);
        if (x.Exponent >= 0)
        {
            var isOne = x.Exponent == 0 && x.Significand == FloatParts.IntegerBit;
            return isOne && x.Sign ? FloatParts.Finite(true, -1, FloatParts.IntegerBit) : x;
        }

        var y = WideFloat.FromParts(x) * WideConstants.Ln2;
        return (y * y.Series(WideConstants.Exponential)).Round(ref status);
    }

    /// <summary>y × log₂ x.</summary>
    public static FloatParts Logarithm(in FloatParts x, in FloatParts y, ref FloatStatus status)
    {
        if (x.IsSpecial || y.IsSpecial)
        {
            return FloatNaN.Propagate(x, y, ref status);
        }

        if (x.Sign && x.Class != FloatClass.Zero)
        {
            return status.InvalidResult();
        }

        if (x.Class == FloatClass.Zero)
        {
            return LogarithmOfZero(y, ref status);
        }

        var isOne = x.Class == FloatClass.Finite && x.Exponent == 0 && x.Significand == FloatParts.IntegerBit;
        var negative = x.Class == FloatClass.Finite && x.Exponent < 0;
        if (x.Class == FloatClass.Infinity || y.Class != FloatClass.Finite)
        {
            return LogarithmLimit(x.Class == FloatClass.Infinity, isOne, negative, x, y, ref status);
        }

        status.NoteDenormal(x, y);
        if (isOne)
        {
            return FloatParts.Zero(y.Sign);
        }

        if (x.Significand == FloatParts.IntegerBit)
        {
            return FloatArithmetic.Multiply(FloatParts.FromInt64(x.Exponent), y with { Denormal = false }, FloatFormat.Extended, ref status);
        }

        return (Log2(WideFloat.FromParts(x)) * WideFloat.FromParts(y)).Round(ref status);
    }

    /// <summary>y × log₂(x + 1), precise for small x.</summary>
    public static FloatParts LogarithmPlusOne(in FloatParts x, in FloatParts y, ref FloatStatus status)
    {
        if (x.IsSpecial || y.IsSpecial)
        {
            return FloatNaN.Propagate(x, y, ref status);
        }

        var isMinusOne = x.Sign && x.Class == FloatClass.Finite && x.Exponent == 0 && x.Significand == FloatParts.IntegerBit;
        if (isMinusOne)
        {
            return LogarithmOfZero(y, ref status);
        }

        if (x.Sign && (x.Class == FloatClass.Infinity || (x.Class == FloatClass.Finite && x.Exponent >= 0)))
        {
            return status.InvalidResult();
        }

        if (x.Class == FloatClass.Infinity || y.Class == FloatClass.Infinity)
        {
            return LogarithmLimit(x.Class == FloatClass.Infinity, x.Class == FloatClass.Zero, x.Sign, x, y, ref status);
        }

        status.NoteDenormal(x, y);
        if (x.Class == FloatClass.Zero || y.Class == FloatClass.Zero)
        {
            return FloatParts.Zero(x.Sign ^ y.Sign);
        }

        var wide = WideFloat.FromParts(x);
        var logarithm = x.Exponent < -2 ? Log2OfRatio(wide / (wide + WideFloat.FromInteger(2))) : Log2(wide + WideFloat.One);
        return (logarithm * WideFloat.FromParts(y)).Round(ref status);
    }

    /// <summary>The angle of the point (x, y), in (-π, π].</summary>
    public static FloatParts ArcTangent(in FloatParts y, in FloatParts x, ref FloatStatus status)
    {
        if (x.IsSpecial || y.IsSpecial)
        {
            return FloatNaN.Propagate(x, y, ref status);
        }

        status.NoteDenormal(x, y);
        if (y.Class == FloatClass.Infinity)
        {
            var eighths = x.Class != FloatClass.Infinity ? 4u : x.Sign ? 6u : 2u;
            return Eighths(eighths, y.Sign, ref status);
        }

        if (y.Class == FloatClass.Zero || x.Class == FloatClass.Infinity)
        {
            return x.Sign ? Eighths(8, y.Sign, ref status) : FloatParts.Zero(y.Sign);
        }

        if (x.Class == FloatClass.Zero)
        {
            return Eighths(4, y.Sign, ref status);
        }

        var (opposite, adjacent) = (WideFloat.FromParts(y).Absolute(), WideFloat.FromParts(x).Absolute());
        var steep = y.Exponent > x.Exponent || (y.Exponent == x.Exponent && y.Significand > x.Significand);
        var angle = steep ? WideConstants.Pi.Scale(-1) - ArcTangentOfRatio(adjacent, opposite) : ArcTangentOfRatio(opposite, adjacent);
        if (x.Sign)
        {
            angle = WideConstants.Pi - angle;
        }

        return angle.Round(y.Sign, ref status);
    }

    private static FloatParts Eighths(uint eighthsOfPi, bool sign, ref FloatStatus status) =>
        (WideConstants.Pi * WideFloat.FromInteger(eighthsOfPi, scale: -3)).Round(sign, ref status);

    /// <summary>arctan(a / b) for 0 &lt; a ≤ b.</summary>
    private static WideFloat ArcTangentOfRatio(WideFloat a, WideFloat b)
    {
        var ratio = a / b;
        var nearest = ratio.Exponent < -4 ? 0 : (int)(((ratio.Significand >> (127 - 4 - ratio.Exponent)) + UInt128.One) >> 1);
        var eighth = WideFloat.FromInteger((UInt128)nearest, scale: -3);
        var rest = nearest == 0 ? ratio : (a - (b * eighth)) / (b + (a * eighth));
        return WideConstants.ArcTangentsOfEighths[nearest] + (rest * (rest * rest).Series(WideConstants.ArcTangent));
    }

    private static WideFloat Log2(WideFloat x)
    {
        var exponent = x.Exponent;
        if ((ulong)(x.Significand >> 64) > RootOfTwo)
        {
            exponent++;
        }

        var mantissa = x.Scale(-exponent);
        var fraction = Log2OfRatio((mantissa - WideFloat.One) / (mantissa + WideFloat.One));
        return fraction + WideFloat.FromInteger((UInt128)Math.Abs(exponent), exponent < 0);
    }

    /// <summary>log₂ m from (m - 1) / (m + 1).</summary>
    private static WideFloat Log2OfRatio(WideFloat ratio) => WideConstants.TwoLog2E * ratio * (ratio * ratio).Series(WideConstants.AreaTangent);

    private static FloatParts LogarithmOfZero(in FloatParts y, ref FloatStatus status)
    {
        if (y.Class == FloatClass.Zero)
        {
            return status.InvalidResult();
        }

        if (y.Class == FloatClass.Finite)
        {
            status.Flags |= FloatFlags.ZeroDivide;
        }

        return FloatParts.Infinity(!y.Sign);
    }

    /// <summary>The product when the logarithm or y is infinite, or y is zero.</summary>
    private static FloatParts LogarithmLimit(bool infinite, bool zero, bool negative, in FloatParts x, in FloatParts y, ref FloatStatus status)
    {
        if ((infinite && y.Class == FloatClass.Zero) || (zero && y.Class == FloatClass.Infinity))
        {
            return status.InvalidResult();
        }

        status.NoteDenormal(x, y);
        var sign = y.Sign ^ negative;
        return infinite || y.Class == FloatClass.Infinity ? FloatParts.Infinity(sign) : FloatParts.Zero(sign);
    }
}
