namespace Vivarium.X86;

/// <summary>Conversion between formats: rounding, with NaNs quieted and payloads cut on the right.</summary>
internal static class FloatConvert
{
    public static FloatParts Convert(in FloatParts a, in FloatFormat format, ref FloatStatus status)
    {
        if (a.IsSpecial)
        {
            return FloatNaN.Propagate(a, ref status);
        }

        if (a.Class != FloatClass.Finite)
        {
            return a;
        }

        status.NoteDenormal(a);
        return FloatRounding.Round(a.Sign, a.Exponent, a.Significand, 0, format, ref status);
    }

    public static FloatParts FromInt64(long value, in FloatFormat format, ref FloatStatus status)
    {
        var parts = FloatParts.FromInt64(value);
        return parts.Class == FloatClass.Zero ? parts : FloatRounding.Round(parts.Sign, parts.Exponent, parts.Significand, 0, format, ref status);
    }
}
