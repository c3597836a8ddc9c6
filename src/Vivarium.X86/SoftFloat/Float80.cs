using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>An x87 double-extended value as it lies in a register or in memory, 10 bytes (Intel SDM Vol. 1 §4.2.2, §8.2).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct Float80(ulong Significand, ushort SignExponent)
{
    public const int SizeBytes = 10;
    private const int Bias = 16383;

    public static readonly Float80 DefaultNaN = new(0xC000_0000_0000_0000, 0xFFFF);

    public bool Sign => (short)SignExponent < 0;

    public int BiasedExponent => SignExponent & 0x7FFF;

    public FloatParts Unpack()
    {
        var exponent = BiasedExponent;
        if (exponent == 0)
        {
            return Significand == 0 ? FloatParts.Zero(Sign) : FloatParts.FromDenormal(Sign, 1 - Bias, Significand);
        }

        if ((long)Significand >= 0)
        {
            return new() { Class = FloatClass.Unsupported, Sign = Sign, Significand = Significand };
        }

        if (exponent != 0x7FFF)
        {
            return FloatParts.Finite(Sign, exponent - Bias, Significand);
        }

        return Significand == FloatParts.IntegerBit ? FloatParts.Infinity(Sign) : FloatParts.NaN(Sign, Significand);
    }

    /// <summary>Packs a result that was rounded to one of the extended formats.</summary>
    public static Float80 Pack(in FloatParts value)
    {
        var exponent = value.Class switch
        {
            FloatClass.Zero => 0,
            FloatClass.Finite => (long)value.Significand < 0 ? value.Exponent + Bias : 0,
            _ => 0x7FFF,
        };
        return new(value.Class == FloatClass.Zero ? 0 : value.Significand, (ushort)(exponent | (value.Sign ? 0x8000 : 0)));
    }

    public Float80 WithSign(bool sign) => new(Significand, (ushort)(BiasedExponent | (sign ? 0x8000 : 0)));
}
