namespace Vivarium.X86;

/// <summary>The outcome of a comparison.</summary>
internal enum FloatOrder : byte
{
    Less,
    Equal,
    Greater,
    Unordered,
}

/// <summary>Comparison, minimum and maximum.</summary>
internal static class FloatCompare
{
    /// <summary>Compares. Signaling NaNs and unsupported operands always raise IE, quiet NaNs when <paramref name="signaling"/>.</summary>
    public static FloatOrder Compare(in FloatParts a, in FloatParts b, bool signaling, ref FloatStatus status)
    {
        if (a.IsSpecial || b.IsSpecial)
        {
            if (signaling || a.Class >= FloatClass.SignalingNaN || b.Class >= FloatClass.SignalingNaN)
            {
                status.Flags |= FloatFlags.Invalid;
            }

            return FloatOrder.Unordered;
        }

        status.NoteDenormal(a, b);
        return Order(a, b);
    }

    private static FloatOrder Order(in FloatParts a, in FloatParts b)
    {
        if (a.Class == FloatClass.Zero && b.Class == FloatClass.Zero)
        {
            return FloatOrder.Equal;
        }

        if (a.Class == FloatClass.Zero)
        {
            return b.Sign ? FloatOrder.Greater : FloatOrder.Less;
        }

        if (b.Class == FloatClass.Zero || a.Sign != b.Sign)
        {
            return a.Sign ? FloatOrder.Less : FloatOrder.Greater;
        }

        var magnitude = Magnitude(a).CompareTo(Magnitude(b));
        if (magnitude == 0)
        {
            magnitude = a.Significand.CompareTo(b.Significand);
        }

        return magnitude == 0 ? FloatOrder.Equal : (magnitude < 0) != a.Sign ? FloatOrder.Less : FloatOrder.Greater;
    }

    private static int Magnitude(in FloatParts a) => a.Class == FloatClass.Infinity ? int.MaxValue : a.Exponent;
}
