namespace Vivarium.X86;

/// <summary>Unpacks and packs IEEE 754 binary16.</summary>
internal static class Binary16
{
    private const ushort SignBit = 1 << 15;
    private const ushort FractionMask = (1 << 10) - 1;
    private const ushort Infinity = 0x7C00;

    public static FloatParts Unpack(ushort bits)
    {
        var sign = (short)bits < 0;
        var exponent = (bits >> 10) & 0x1F;
        var fraction = (ulong)(bits & FractionMask);
        if (exponent == 0)
        {
            return fraction == 0 ? FloatParts.Zero(sign) : FloatParts.FromDenormal(sign, -14, fraction << 53);
        }

        if (exponent == 0x1F)
        {
            return fraction == 0 ? FloatParts.Infinity(sign) : FloatParts.NaN(sign, fraction << 53);
        }

        return FloatParts.Finite(sign, exponent - 15, FloatParts.IntegerBit | (fraction << 53));
    }

    /// <summary>Packs a result that was rounded to this format.</summary>
    public static ushort Pack(in FloatParts value)
    {
        var sign = value.Sign ? SignBit : (ushort)0;
        var fraction = (ushort)((value.Significand >> 53) & FractionMask);
        return (ushort)(value.Class switch
        {
            FloatClass.Zero => sign,
            FloatClass.Finite => (long)value.Significand < 0 ? sign | ((value.Exponent + 15) << 10) | fraction : sign | fraction,
            FloatClass.Infinity => sign | Infinity,
            _ => sign | Infinity | fraction,
        });
    }
}
