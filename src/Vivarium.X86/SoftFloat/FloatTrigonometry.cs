namespace Vivarium.X86;

/// <summary>
/// Sine, cosine and tangent. Arguments are reduced exactly by the 66-bit π that x87 hardware has always used
/// (Intel SDM Vol. 1 §8.3.8), not by the true one: software that corrects for it depends on that.
/// </summary>
internal static class FloatTrigonometry
{
    /// <summary>Arguments from 2^63 on are not reduced: C2.</summary>
    public const int RangeExponent = 63;

    /// <summary>π in units of 2^-66, so π/2 in units of 2^-67.</summary>
    private static readonly UInt128 s_pi = new(0xC, 0x90FDAA22168C234C);

    /// <summary>Sine and cosine of a finite argument in range; zero included.</summary>
    public static (WideFloat Sine, WideFloat Cosine) SineAndCosine(in FloatParts x)
    {
        var (angle, quadrant) = Reduce(x);
        var square = angle * angle;
        var sine = angle * square.Series(WideConstants.Sine);
        var cosine = square.Series(WideConstants.Cosine);
        return quadrant switch
        {
            0 => (sine, cosine),
            1 => (cosine, -sine),
            2 => (-sine, -cosine),
            _ => (-cosine, sine),
        };
    }

    public static FloatParts Sine(in FloatParts x, ref FloatStatus status)
    {
        if (x.Class == FloatClass.Zero)
        {
            return x;
        }

        status.NoteDenormal(x);
        return SineAndCosine(x).Sine.Round(ref status);
    }

    public static FloatParts Cosine(in FloatParts x, ref FloatStatus status)
    {
        if (x.Class == FloatClass.Zero)
        {
            return FloatParts.One;
        }

        status.NoteDenormal(x);
        return SineAndCosine(x).Cosine.Round(ref status);
    }

    public static FloatParts Tangent(in FloatParts x, ref FloatStatus status)
    {
        if (x.Class == FloatClass.Zero)
        {
            return x;
        }

        status.NoteDenormal(x);
        var (sine, cosine) = SineAndCosine(x);
        return (sine / cosine).Round(ref status);
    }

    /// <summary>The angle within π/4 of a multiple of π/2, and that multiple modulo 4.</summary>
    private static (WideFloat Angle, int Quadrant) Reduce(in FloatParts x)
    {
        if (x.Exponent < -1)
        {
            return (WideFloat.FromParts(x), 0);
        }

        var circle = s_pi << 2;
        UInt128 rest = x.Significand;
        for (var shift = x.Exponent + 4; shift > 0;)
        {
            var step = Math.Min(shift, 57);
            rest = (rest << step) % circle;
            shift -= step;
        }

        var quadrant = (int)(rest / s_pi);
        rest -= (UInt128)(uint)quadrant * s_pi;
        var above = rest > s_pi >> 1;
        if (above)
        {
            rest = s_pi - rest;
            quadrant++;
        }

        // A negative argument mirrors both the angle and the quadrant.
        var angle = WideFloat.FromInteger(rest, above ^ x.Sign, -67);
        return (angle, (x.Sign ? -quadrant : quadrant) & 3);
    }
}
