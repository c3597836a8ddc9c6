namespace Vivarium.X86;

/// <summary>Packed decimals of 18 digits: nine bytes of two digits, then a sign byte (Intel SDM Vol. 1 §4.7).</summary>
internal static class PackedDecimal
{
    private const ulong Limit = 1_000_000_000_000_000_000;

    /// <summary>What FBSTP stores for NaN, infinity and numbers of more digits.</summary>
    private static readonly Float80 s_indefinite = new(0xC000_0000_0000_0000, 0xFFFF);

    /// <summary>Exact. Digits above 9 count as written, ten and more.</summary>
    public static FloatParts Unpack(Float80 value)
    {
        var magnitude = 0UL;
        magnitude = (magnitude * 10) + ((ulong)(value.SignExponent >> 4) & 15);
        magnitude = (magnitude * 10) + ((ulong)value.SignExponent & 15);
        for (var shift = 60; shift >= 0; shift -= 4)
        {
            magnitude = (magnitude * 10) + ((value.Significand >> shift) & 15);
        }

        return FloatParts.FromInt64((long)magnitude).WithSign(value.Sign);
    }

    public static Float80 Pack(in FloatParts value, ref FloatStatus status)
    {
        if (value.Class == FloatClass.Zero)
        {
            return new(0, (ushort)(value.Sign ? 0x8000 : 0));
        }

        if (value.Class != FloatClass.Finite || value.Exponent >= 63)
        {
            status.Flags |= FloatFlags.Invalid;
            return s_indefinite;
        }

        var magnitude = FloatInteger.RoundMagnitude(value, status.Rounding, out var inexact, out var up);
        if (magnitude >= Limit)
        {
            status.Flags |= FloatFlags.Invalid;
            return s_indefinite;
        }

        if (inexact)
        {
            status.Flags |= FloatFlags.Precision;
            status.RoundedUp = up;
        }

        var low = 0UL;
        for (var shift = 0; shift < 64; shift += 4)
        {
            low |= magnitude % 10 << shift;
            magnitude /= 10;
        }

        return new(low, (ushort)((magnitude % 10) | (magnitude / 10 << 4) | (value.Sign ? 0x8000UL : 0)));
    }
}
