namespace Vivarium.X86;

/// <summary>Unpacks and packs IEEE 754 binary64.</summary>
internal static class Binary64
{
    public const ulong SignBit = 1UL << 63;
    public const ulong DefaultNaN = 0xFFF8_0000_0000_0000;
    public const ulong QuietBit = 1UL << 51;
    private const ulong FractionMask = (1UL << 52) - 1;
    private const ulong Infinity = 0x7FF0_0000_0000_0000;

    public static FloatParts Unpack(ulong bits, bool denormalsAreZero = false)
    {
        var sign = (long)bits < 0;
        var exponent = (int)(bits >> 52) & 0x7FF;
        var fraction = bits & FractionMask;
        if (exponent == 0)
        {
            return fraction == 0 || denormalsAreZero ? FloatParts.Zero(sign) : FloatParts.FromDenormal(sign, -1022, fraction << 11);
        }

        if (exponent == 0x7FF)
        {
            return fraction == 0 ? FloatParts.Infinity(sign) : FloatParts.NaN(sign, fraction << 11);
        }

        return FloatParts.Finite(sign, exponent - 1023, FloatParts.IntegerBit | (fraction << 11));
    }

    /// <summary>Packs a result that was rounded to this format.</summary>
    public static ulong Pack(in FloatParts value)
    {
        var sign = value.Sign ? SignBit : 0;
        var fraction = (value.Significand >> 11) & FractionMask;
        return value.Class switch
        {
            FloatClass.Zero => sign,
            FloatClass.Finite => (long)value.Significand < 0 ? sign | ((ulong)(value.Exponent + 1023) << 52) | fraction : sign | fraction,
            FloatClass.Infinity => sign | Infinity,
            _ => sign | Infinity | fraction,
        };
    }

    public static bool IsNaN(ulong bits) => (bits & ~SignBit) > Infinity;

    public static bool IsDenormal(ulong bits) => (bits & Infinity) == 0 && (bits & FractionMask) != 0;
}
