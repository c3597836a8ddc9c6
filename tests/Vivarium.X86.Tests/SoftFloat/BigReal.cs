using System.Numerics;

namespace Vivarium.X86.Tests;

/// <summary>Elementary functions in fixed point with 400 fractional bits: slow, short, and unlike the code under test.</summary>
internal static class BigReal
{
    public const int FractionBits = 400;

    public static readonly BigInteger One = BigInteger.One << FractionBits;
    public static readonly BigInteger Ln2 = 2 * AreaTangent(One / 3);
    public static readonly BigInteger Pi = 4 * ((4 * ArcTangent(One / 5)) - ArcTangent(One / 239));

    /// <summary>π as the x87 has it, 66 bits.</summary>
    public static readonly BigInteger HardwarePi = BigInteger.Parse("0C90FDAA22168C234C", System.Globalization.NumberStyles.HexNumber) << (FractionBits - 66);

    public static BigInteger From(in FloatParts value)
    {
        if (value.Class == FloatClass.Zero)
        {
            return BigInteger.Zero;
        }

        var shift = FractionBits + value.Exponent - 63;
        var magnitude = shift >= 0 ? (BigInteger)value.Significand << shift : (BigInteger)value.Significand >> -shift;
        return value.Sign ? -magnitude : magnitude;
    }

    public static BigInteger Multiply(BigInteger a, BigInteger b) => (a * b) >> FractionBits;

    public static BigInteger Divide(BigInteger a, BigInteger b) => (a << FractionBits) / b;

    public static BigInteger ExponentialMinusOne(BigInteger x)
    {
        var (sum, term) = (BigInteger.Zero, One);
        for (var n = 1; !term.IsZero && n < 500; n++)
        {
            term = Multiply(term, x) / n;
            sum += term;
        }

        return sum;
    }

    public static BigInteger Log2(BigInteger x)
    {
        var exponent = (int)x.GetBitLength() - 1 - FractionBits;
        var mantissa = exponent >= 0 ? x >> exponent : x << -exponent;
        return (exponent * One) + Divide(2 * AreaTangent(Divide(mantissa - One, mantissa + One)), Ln2);
    }

    public static (BigInteger Sine, BigInteger Cosine) SineAndCosine(BigInteger x)
    {
        // Reduced by the hardware's π, then by series.
        var half = HardwarePi >> 1;
        var quadrants = BigInteger.Divide((2 * BigInteger.Abs(x)) + half, 2 * half) * x.Sign;
        x -= quadrants * half;
        var (sine, cosine, term) = (BigInteger.Zero, BigInteger.Zero, One);
        for (var n = 0; n < 300 && !term.IsZero; n++)
        {
            switch (n & 3)
            {
                case 0: cosine += term; break;
                case 1: sine += term; break;
                case 2: cosine -= term; break;
                default: sine -= term; break;
            }

            term = Multiply(term, x) / (n + 1);
        }

        return (int)(((quadrants % 4) + 4) % 4) switch
        {
            0 => (sine, cosine),
            1 => (cosine, -sine),
            2 => (-sine, -cosine),
            _ => (-cosine, sine),
        };
    }

    /// <summary>arctan by Euler's series, for |x| ≤ 1.</summary>
    public static BigInteger ArcTangent(BigInteger x)
    {
        var square = Multiply(x, x);
        var ratio = Divide(square, One + square);
        var term = Divide(x, One + square);
        var sum = BigInteger.Zero;
        for (var n = 1; !term.IsZero && n < 2000; n++)
        {
            sum += term;
            term = Multiply(term, ratio) * (2 * n) / ((2 * n) + 1);
        }

        return sum;
    }

    private static BigInteger AreaTangent(BigInteger x)
    {
        var square = Multiply(x, x);
        var (sum, power) = (BigInteger.Zero, x);
        for (var n = 1; !power.IsZero; n += 2)
        {
            sum += power / n;
            power = Multiply(power, square);
        }

        return sum;
    }
}
