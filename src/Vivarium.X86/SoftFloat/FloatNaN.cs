namespace Vivarium.X86;

/// <summary>NaN results (Intel SDM Vol. 1 §4.8.3.5, tables 4-7 and 8-2).</summary>
internal static class FloatNaN
{
    /// <summary>The result of a one-operand operation on a NaN or unsupported operand.</summary>
    public static FloatParts Propagate(in FloatParts a, ref FloatStatus status)
    {
        if (a.Class == FloatClass.Unsupported)
        {
            return status.InvalidResult();
        }

        if (a.Class == FloatClass.SignalingNaN)
        {
            status.Flags |= FloatFlags.Invalid;
        }

        return a.Quieted();
    }

    /// <summary>The result of a two-operand operation when at least one operand is a NaN or unsupported.</summary>
    public static FloatParts Propagate(in FloatParts a, in FloatParts b, ref FloatStatus status)
    {
        if (a.Class == FloatClass.Unsupported || b.Class == FloatClass.Unsupported)
        {
            return status.InvalidResult();
        }

        if (a.Class == FloatClass.SignalingNaN || b.Class == FloatClass.SignalingNaN)
        {
            status.Flags |= FloatFlags.Invalid;
        }

        if (!a.IsNaN)
        {
            return b.Quieted();
        }

        if (!b.IsNaN || !status.X87)
        {
            return a.Quieted();
        }

        if (a.Class != b.Class)
        {
            return a.Class == FloatClass.QuietNaN ? a : b;
        }

        var aWins = a.Significand != b.Significand ? a.Significand > b.Significand : !a.Sign;
        return aWins ? a.Quieted() : b.Quieted();
    }
}
