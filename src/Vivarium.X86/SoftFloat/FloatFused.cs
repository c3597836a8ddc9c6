namespace Vivarium.X86;

/// <summary>The fused multiply-add: a × b + c, rounded once.</summary>
internal static class FloatFused
{
    /// <summary>
    /// Operands have at most 53 significant bits, so that an exact product leaves room below it. The signs of product and addend may be
    /// inverted, but a NaN keeps its own. NaNs win in the order a, b, c (Intel SDM Vol. 1 §14.5.1).
    /// </summary>
    public static FloatParts MultiplyAdd(
        in FloatParts a, in FloatParts b, in FloatParts c, bool negateProduct, bool negateAddend, in FloatFormat format, ref FloatStatus status)
    {
        if (a.IsNaN || b.IsNaN || c.IsNaN)
        {
            return PropagateNaN(a, b, c, ref status);
        }

        var productSign = a.Sign ^ b.Sign ^ negateProduct;
        var addendSign = c.Sign ^ negateAddend;
        if (a.Class == FloatClass.Infinity || b.Class == FloatClass.Infinity)
        {
            var isInvalid = a.Class == FloatClass.Zero || b.Class == FloatClass.Zero
                || (c.Class == FloatClass.Infinity && productSign != addendSign);
            if (isInvalid)
            {
                return status.InvalidResult();
            }

            Note(a, b, c, ref status);
            return FloatParts.Infinity(productSign);
        }

        Note(a, b, c, ref status);
        if (c.Class == FloatClass.Infinity)
        {
            return FloatParts.Infinity(addendSign);
        }

        if (a.Class == FloatClass.Zero || b.Class == FloatClass.Zero)
        {
            if (c.Class == FloatClass.Zero)
            {
                return FloatParts.Zero(productSign == addendSign ? productSign : status.Rounding == RoundingMode.Down);
            }

            return FloatRounding.Round(addendSign, c.Exponent, c.Significand, 0, format, ref status);
        }

        var high = Math.BigMul(a.Significand, b.Significand, out var low);
        var product = new UInt128(high, low);
        var exponent = a.Exponent + b.Exponent + 1;
        if ((long)high >= 0)
        {
            product <<= 1;
            exponent--;
        }

        if (c.Class == FloatClass.Zero)
        {
            return FloatRounding.Round(productSign, exponent, product, format, ref status);
        }

        var addend = new UInt128(c.Significand, 0);
        return exponent >= c.Exponent
            ? AddOrdered(productSign, exponent, product, addendSign, c.Exponent, addend, format, ref status)
            : AddOrdered(addendSign, c.Exponent, addend, productSign, exponent, product, format, ref status);
    }

    /// <summary>Adds two values with bit 127 set, the first of no smaller exponent.</summary>
    private static FloatParts AddOrdered(
        bool largeSign, int exponent, UInt128 large, bool smallSign, int smallExponent, UInt128 small, in FloatFormat format, ref FloatStatus status)
    {
        var (high, low) = ((ulong)(small >> 64), (ulong)small);
        FloatRounding.ShiftRightJam(ref high, ref low, exponent - smallExponent);
        small = new UInt128(high, low);
        if (largeSign == smallSign)
        {
            var sum = large + small;
            if (sum < large)
            {
                sum = (sum >> 1) | (UInt128.One << 127) | (sum & 1);
                exponent++;
            }

            return FloatRounding.Round(largeSign, exponent, sum, format, ref status);
        }

        if (large == small)
        {
            return FloatParts.Zero(status.Rounding == RoundingMode.Down);
        }

        var sign = large > small ? largeSign : smallSign;
        var difference = large > small ? large - small : small - large;
        var shift = (int)UInt128.LeadingZeroCount(difference);
        return FloatRounding.Round(sign, exponent - shift, difference << shift, format, ref status);
    }

    private static FloatParts PropagateNaN(in FloatParts a, in FloatParts b, in FloatParts c, ref FloatStatus status)
    {
        if (a.Class == FloatClass.SignalingNaN || b.Class == FloatClass.SignalingNaN || c.Class == FloatClass.SignalingNaN)
        {
            status.Flags |= FloatFlags.Invalid;
        }

        return a.IsNaN ? a.Quieted() : b.IsNaN ? b.Quieted() : c.Quieted();
    }

    private static void Note(in FloatParts a, in FloatParts b, in FloatParts c, ref FloatStatus status)
    {
        status.NoteDenormal(a, b);
        status.NoteDenormal(c);
    }
}
