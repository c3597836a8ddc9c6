namespace Vivarium.X86;

/// <summary>The precision in bits (implicit one included) and the range of unbiased exponents of normal numbers.</summary>
internal readonly struct FloatFormat(int precision, int minExponent, int maxExponent)
{
    public static readonly FloatFormat Binary16 = new(11, -14, 15);
    public static readonly FloatFormat Binary32 = new(24, -126, 127);
    public static readonly FloatFormat Binary64 = new(53, -1022, 1023);
    public static readonly FloatFormat Extended = new(64, -16382, 16383);
    public static readonly FloatFormat ExtendedDouble = new(53, -16382, 16383);
    public static readonly FloatFormat ExtendedSingle = new(24, -16382, 16383);

    public readonly int Precision = precision;
    public readonly int MinExponent = minExponent;
    public readonly int MaxExponent = maxExponent;
}
