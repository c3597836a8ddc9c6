namespace Vivarium.X86;

/// <summary>Unpacks and packs IEEE 754 binary32.</summary>
internal static class Binary32
{
    public const uint SignBit = 1U << 31;
    public const uint DefaultNaN = 0xFFC0_0000;
    public const uint QuietBit = 1U << 22;
    private const uint FractionMask = (1U << 23) - 1;
    private const uint Infinity = 0x7F80_0000;

    public static FloatParts Unpack(uint bits, bool denormalsAreZero = false)
    {
        var sign = (int)bits < 0;
        var exponent = (int)(bits >> 23) & 0xFF;
        var fraction = (ulong)(bits & FractionMask);
        if (exponent == 0)
        {
            return fraction == 0 || denormalsAreZero ? FloatParts.Zero(sign) : FloatParts.FromDenormal(sign, -126, fraction << 40);
        }

        if (exponent == 0xFF)
        {
            return fraction == 0 ? FloatParts.Infinity(sign) : FloatParts.NaN(sign, fraction << 40);
        }

        return FloatParts.Finite(sign, exponent - 127, FloatParts.IntegerBit | (fraction << 40));
    }

    /// <summary>Packs a result that was rounded to this format.</summary>
    public static uint Pack(in FloatParts value)
    {
        var sign = value.Sign ? SignBit : 0;
        var fraction = (uint)(value.Significand >> 40) & FractionMask;
        return value.Class switch
        {
            FloatClass.Zero => sign,
            FloatClass.Finite => (long)value.Significand < 0 ? sign | ((uint)(value.Exponent + 127) << 23) | fraction : sign | fraction,
            FloatClass.Infinity => sign | Infinity,
            _ => sign | Infinity | fraction,
        };
    }

    public static bool IsNaN(uint bits) => (bits & ~SignBit) > Infinity;

    public static bool IsDenormal(uint bits) => (bits & Infinity) == 0 && (bits & FractionMask) != 0;
}
