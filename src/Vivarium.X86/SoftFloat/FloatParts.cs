using System.Numerics;

namespace Vivarium.X86;

/// <summary>
/// An unpacked operand of any format. A finite value is Significand / 2^63 × 2^Exponent; operands have bit 63 set, rounded results may lack it
/// when denormal. A NaN's significand is laid out as in the 80-bit format: bit 63 set, bit 62 the quiet bit.
/// </summary>
internal struct FloatParts
{
    public const ulong IntegerBit = 1UL << 63;
    public const ulong QuietBit = 1UL << 62;

    public ulong Significand;
    public int Exponent;
    public FloatClass Class;
    public bool Sign;

    /// <summary>The operand's encoding was a denormal or pseudo-denormal: DE.</summary>
    public bool Denormal;

    /// <summary>The real indefinite: the result of masked invalid operations.</summary>
    public static FloatParts DefaultNaN => new() { Class = FloatClass.QuietNaN, Sign = true, Significand = IntegerBit | QuietBit };

    public static FloatParts One => Finite(false, 0, IntegerBit);

    public readonly bool IsNaN => Class is FloatClass.QuietNaN or FloatClass.SignalingNaN;

    /// <summary>Neither zero, finite nor infinite.</summary>
    public readonly bool IsSpecial => Class >= FloatClass.QuietNaN;

    public static FloatParts Zero(bool sign) => new() { Sign = sign };

    public static FloatParts Infinity(bool sign) => new() { Class = FloatClass.Infinity, Sign = sign, Significand = IntegerBit };

    public static FloatParts Finite(bool sign, int exponent, ulong significand) =>
        new() { Class = FloatClass.Finite, Sign = sign, Exponent = exponent, Significand = significand };

    /// <summary>A denormal operand, normalised.</summary>
    public static FloatParts FromDenormal(bool sign, int exponent, ulong significand)
    {
        var shift = BitOperations.LeadingZeroCount(significand);
        return new() { Class = FloatClass.Finite, Sign = sign, Exponent = exponent - shift, Significand = significand << shift, Denormal = true };
    }

    /// <summary>A NaN with the significand laid out as in the 80-bit format.</summary>
    public static FloatParts NaN(bool sign, ulong significand) => new()
    {
        Class = (significand & QuietBit) != 0 ? FloatClass.QuietNaN : FloatClass.SignalingNaN,
        Sign = sign,
        Significand = significand | IntegerBit,
    };

    public static FloatParts FromInt64(long value)
    {
        if (value == 0)
        {
            return Zero(false);
        }

        var magnitude = value < 0 ? (ulong)-value : (ulong)value;
        var shift = BitOperations.LeadingZeroCount(magnitude);
        return Finite(value < 0, 63 - shift, magnitude << shift);
    }

    public readonly FloatParts Quieted() => this with { Class = FloatClass.QuietNaN, Significand = Significand | QuietBit };

    public readonly FloatParts Negated() => this with { Sign = !Sign };

    public readonly FloatParts WithSign(bool sign) => this with { Sign = sign };
}
