using System.Numerics;

namespace Vivarium.X86.Tests;

/// <summary>The transcendental functions against <see cref="BigReal"/>: in every rounding mode the result is the right one to within its rounding.</summary>
public sealed class TranscendentalTests
{
    private const int Repetitions = 400;

    public static TheoryData<string> Names() => ["F2XM1", "FYL2X", "FYL2XP1", "FPATAN", "FSIN", "FCOS", "FPTAN"];

    [Theory]
    [MemberData(nameof(Names))]
    public void IsCorrectlyRounded(string name)
    {
        var random = new Random(name.Length + name[^1]);
        for (var repetition = 0; repetition < Repetitions; repetition++)
        {
            var mode = (RoundingMode)random.Next(4);
            var status = new FloatStatus { X87 = true, Rounding = mode };
            var (x, y) = (Argument(name, random), Parts(random, -20, 20));
            var (result, exact) = name switch
            {
                "F2XM1" => (FloatTranscendental.ExponentialMinusOne(x, ref status), BigReal.ExponentialMinusOne(BigReal.Multiply(BigReal.From(x), BigReal.Ln2))),
                "FYL2X" => (FloatTranscendental.Logarithm(x, y, ref status), BigReal.Multiply(BigReal.From(y), BigReal.Log2(BigReal.From(x)))),
                "FYL2XP1" => (FloatTranscendental.LogarithmPlusOne(x, y, ref status), BigReal.Multiply(BigReal.From(y), BigReal.Log2(BigReal.From(x) + BigReal.One))),
                "FPATAN" => (FloatTranscendental.ArcTangent(y, x, ref status), Angle(BigReal.From(y), BigReal.From(x))),
                "FSIN" => (FloatTrigonometry.Sine(x, ref status), BigReal.SineAndCosine(BigReal.From(x)).Sine),
                "FCOS" => (FloatTrigonometry.Cosine(x, ref status), BigReal.SineAndCosine(BigReal.From(x)).Cosine),
                _ => (FloatTrigonometry.Tangent(x, ref status), Tangent(BigReal.From(x))),
            };
            AssertRounded(exact, result, mode, $"{name} {x.Sign} {x.Exponent} {x.Significand:X}, {y.Sign} {y.Exponent} {y.Significand:X} {mode}");
            Assert.Equal(FloatFlags.Precision, status.Flags);
        }
    }

    [Fact]
    public void ConstantsAgreeWithTheReference()
    {
        Assert.True(BigInteger.Abs((BigReal.Pi >> (BigReal.FractionBits - 126)) - ToBig(WideConstants.Pi.Significand)) <= 1);
        Assert.True(BigInteger.Abs((BigReal.Ln2 >> (BigReal.FractionBits - 128)) - ToBig(WideConstants.Ln2.Significand)) <= 1);
    }

    private static BigInteger ToBig(UInt128 value) => ((BigInteger)(ulong)(value >> 64) << 64) | (ulong)value;

    private static FloatParts Argument(string name, Random random) => name switch
    {
        "F2XM1" => Parts(random, -60, -1),
        "FYL2X" => Parts(random, random.Next(2) == 0 ? -1 : -100, random.Next(2) == 0 ? 0 : 100) with { Sign = false },
        "FYL2XP1" => Parts(random, -60, -3),
        "FPATAN" => Parts(random, -40, 40),
        _ => Parts(random, -40, random.Next(2) == 0 ? 2 : 62),
    };

    private static FloatParts Parts(Random random, int minExponent, int maxExponent) => FloatParts.Finite(
        random.Next(2) == 0, random.Next(minExponent, maxExponent + 1), FloatParts.IntegerBit | (ulong)random.NextInt64());

    private static BigInteger Angle(BigInteger y, BigInteger x)
    {
        var (a, b) = (BigInteger.Abs(y), BigInteger.Abs(x));
        var angle = a <= b ? BigReal.ArcTangent(BigReal.Divide(a, b)) : (BigReal.Pi >> 1) - BigReal.ArcTangent(BigReal.Divide(b, a));
        angle = x.Sign < 0 ? BigReal.Pi - angle : angle;
        return y.Sign < 0 ? -angle : angle;
    }

    private static BigInteger Tangent(BigInteger x)
    {
        var (sine, cosine) = BigReal.SineAndCosine(x);
        return BigReal.Divide(sine, cosine);
    }

    private static void AssertRounded(BigInteger exact, in FloatParts result, RoundingMode mode, string what)
    {
        var ulp = BigInteger.One << (BigReal.FractionBits + result.Exponent - 63);
        var error = BigReal.From(result) - exact;
        var slack = ulp >> 20;
        var (low, high) = mode switch
        {
            RoundingMode.Nearest => (-(ulp >> 1), ulp >> 1),
            RoundingMode.Down => (-ulp, BigInteger.Zero),
            RoundingMode.Up => (BigInteger.Zero, ulp),
            _ => exact.Sign < 0 ? (BigInteger.Zero, ulp) : (-ulp, BigInteger.Zero),
        };
        Assert.True(error >= low - slack && error <= high + slack, $"{what}: off by {(double)error / (double)ulp} units");
    }
}
