namespace Vivarium.X86;

/// <summary>Constants and series coefficients of the transcendental functions.</summary>
internal static class WideConstants
{
    private const int SeriesLength = 30;

    public static readonly WideFloat Pi = new(false, 1, new UInt128(0xC90FDAA22168C234, 0xC4C6628B80DC1CD1));
    public static readonly WideFloat Ln2 = new(false, -1, new UInt128(0xB17217F7D1CF79AB, 0xC9E3B39803F2F6AF));

    /// <summary>2 / ln 2: makes a binary logarithm of an inverse hyperbolic tangent.</summary>
    public static readonly WideFloat TwoLog2E = new(false, 1, new UInt128(0xB8AA3B295C17F0BB, 0xBE87FED0691D3E88));

    /// <summary>(e^y - 1) / y = Σ y^k / (k + 1)!.</summary>
    public static readonly WideFloat[] Exponential = Factorials(first: 1, step: 1, alternating: false);

    /// <summary>sin y / y = Σ (-y²)^k / (2k + 1)!.</summary>
    public static readonly WideFloat[] Sine = Factorials(first: 1, step: 2, alternating: true);

    /// <summary>cos y = Σ (-y²)^k / (2k)!.</summary>
    public static readonly WideFloat[] Cosine = Factorials(first: 0, step: 2, alternating: true);

    /// <summary>artanh z / z = Σ z^2k / (2k + 1).</summary>
    public static readonly WideFloat[] AreaTangent = OddReciprocals(alternating: false);

    /// <summary>arctan z / z = Σ (-z²)^k / (2k + 1).</summary>
    public static readonly WideFloat[] ArcTangent = OddReciprocals(alternating: true);

    /// <summary>arctan of 0, 1/8, … 1.</summary>
    public static readonly WideFloat[] ArcTangentsOfEighths = MakeArcTangents();

    private static WideFloat[] Factorials(int first, int step, bool alternating)
    {
        var result = new WideFloat[SeriesLength];
        var current = WideFloat.One;
        for (var k = 0; k < SeriesLength; k++)
        {
            for (var factor = k == 0 ? 2 : first + ((k - 1) * step) + 1; factor <= first + (k * step); factor++)
            {
                current /= WideFloat.FromInteger((UInt128)factor);
            }

            result[k] = alternating && (k & 1) != 0 ? -current : current;
        }

        return result;
    }

    private static WideFloat[] OddReciprocals(bool alternating)
    {
        var result = new WideFloat[SeriesLength];
        for (var k = 0; k < SeriesLength; k++)
        {
            var value = WideFloat.One / WideFloat.FromInteger((UInt128)((2 * k) + 1));
            result[k] = alternating && (k & 1) != 0 ? -value : value;
        }

        return result;
    }

    private static WideFloat[] MakeArcTangents()
    {
        // Each step adds arctan of (1/8) / (1 + n (n + 1) / 64), the difference of two neighbours.
        var result = new WideFloat[9];
        for (var n = 0; n < 8; n++)
        {
            var z = WideFloat.FromInteger(8) / WideFloat.FromInteger((UInt128)(64 + (n * (n + 1))));
            result[n + 1] = result[n] + (z * (z * z).Series(ArcTangent));
        }

        return result;
    }
}
