using System.Numerics;

namespace Vivarium.X86;

/// <summary>The arithmetic operations, on unpacked operands of any format, rounded once to the given one.</summary>
internal static class FloatArithmetic
{
    public static FloatParts Subtract(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status) =>
        b.IsNaN ? Add(a, b, format, ref status) : Add(a, b.Negated(), format, ref status);

    public static FloatParts Add(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status)
    {
        if (a.Class == FloatClass.Finite && b.Class == FloatClass.Finite)
        {
            status.NoteDenormal(a, b);
            return a.Exponent >= b.Exponent ? AddOrdered(a, b, format, ref status) : AddOrdered(b, a, format, ref status);
        }

        if (a.IsSpecial || b.IsSpecial)
        {
            return FloatNaN.Propagate(a, b, ref status);
        }

        if (a.Class == FloatClass.Infinity || b.Class == FloatClass.Infinity)
        {
            if (a.Class == b.Class && a.Sign != b.Sign)
            {
                return status.InvalidResult();
            }

            status.NoteDenormal(a, b);
            return FloatParts.Infinity(a.Class == FloatClass.Infinity ? a.Sign : b.Sign);
        }

        status.NoteDenormal(a, b);
        if (a.Class == b.Class)
        {
            return FloatParts.Zero(a.Sign == b.Sign ? a.Sign : status.Rounding == RoundingMode.Down);
        }

        var other = a.Class == FloatClass.Zero ? b : a;
        return FloatRounding.Round(other.Sign, other.Exponent, other.Significand, 0, format, ref status);
    }

    public static FloatParts Multiply(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status)
    {
        var sign = a.Sign ^ b.Sign;
        if (a.Class == FloatClass.Finite && b.Class == FloatClass.Finite)
        {
            status.NoteDenormal(a, b);
            var high = Math.BigMul(a.Significand, b.Significand, out var low);
            var exponent = a.Exponent + b.Exponent + 1;
            if ((long)high >= 0)
            {
                high = (high << 1) | (low >> 63);
                low <<= 1;
                exponent--;
            }

            return FloatRounding.Round(sign, exponent, high, low, format, ref status);
        }

        if (a.IsSpecial || b.IsSpecial)
        {
            return FloatNaN.Propagate(a, b, ref status);
        }

        if (a.Class == FloatClass.Infinity || b.Class == FloatClass.Infinity)
        {
            if (a.Class == FloatClass.Zero || b.Class == FloatClass.Zero)
            {
                return status.InvalidResult();
            }

            status.NoteDenormal(a, b);
            return FloatParts.Infinity(sign);
        }

        status.NoteDenormal(a, b);
        return FloatParts.Zero(sign);
    }

    public static FloatParts Divide(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status)
    {
        var sign = a.Sign ^ b.Sign;
        if (a.Class == FloatClass.Finite && b.Class == FloatClass.Finite)
        {
            status.NoteDenormal(a, b);
            var exponent = a.Exponent - b.Exponent;
            var less = a.Significand < b.Significand;
            var numerator = less ? a.Significand : a.Significand - b.Significand;
            var high = WideInteger.Divide(numerator, 0, b.Significand, out var remainder);
            var low = WideInteger.Divide(remainder, 0, b.Significand, out remainder);
            if (less)
            {
                exponent--;
            }
            else
            {
                // The quotient's integer bit is 1 and was taken off the numerator above.
                low = (low >> 1) | (high << 63) | (low & 1);
                high = (high >> 1) | FloatParts.IntegerBit;
            }

            return FloatRounding.Round(sign, exponent, high, low | (remainder != 0 ? 1UL : 0), format, ref status);
        }

        if (a.IsSpecial || b.IsSpecial)
        {
            return FloatNaN.Propagate(a, b, ref status);
        }

        if (a.Class == b.Class)
        {
            return status.InvalidResult();
        }

        if (b.Class == FloatClass.Zero && a.Class == FloatClass.Finite)
        {
            status.Flags |= FloatFlags.ZeroDivide;
            return FloatParts.Infinity(sign);
        }

        status.NoteDenormal(a, b);
        return a.Class == FloatClass.Infinity || b.Class == FloatClass.Zero ? FloatParts.Infinity(sign) : FloatParts.Zero(sign);
    }

    public static FloatParts SquareRoot(in FloatParts a, in FloatFormat format, ref FloatStatus status)
    {
        if (a.IsSpecial)
        {
            return FloatNaN.Propagate(a, ref status);
        }

        if (a.Class == FloatClass.Zero)
        {
            return a;
        }

        if (a.Sign)
        {
            return status.InvalidResult();
        }

        if (a.Class == FloatClass.Infinity)
        {
            return a;
        }

        status.NoteDenormal(a);

        // The radicand has 2 integer bits for odd exponents and 1 for even ones: its root has bit 63 set either way.
        var radicand = (a.Exponent & 1) != 0 ? (UInt128)a.Significand << 64 : (UInt128)a.Significand << 63;
        var root = WideInteger.SquareRoot(radicand, out var remainder);
        var low = remainder > root ? 3UL << 62 : remainder != 0 ? 1UL : 0;
        return FloatRounding.Round(false, a.Exponent >> 1, root, low, format, ref status);
    }

    private static FloatParts AddOrdered(in FloatParts large, in FloatParts small, in FloatFormat format, ref FloatStatus status)
    {
        var exponent = large.Exponent;
        var high = small.Significand;
        var low = 0UL;
        FloatRounding.ShiftRightJam(ref high, ref low, exponent - small.Exponent);
        if (large.Sign == small.Sign)
        {
            var sum = large.Significand + high;
            if (sum < high)
            {
                low = (low >> 1) | (sum << 63) | (low & 1);
                sum = (sum >> 1) | FloatParts.IntegerBit;
                exponent++;
            }

            return FloatRounding.Round(large.Sign, exponent, sum, low, format, ref status);
        }

        var sign = large.Sign;
        var difference = ((UInt128)large.Significand << 64) - new UInt128(high, low);
        if (difference == UInt128.Zero)
        {
            return FloatParts.Zero(status.Rounding == RoundingMode.Down);
        }

        if (large.Significand < high || (large.Significand == high && low != 0))
        {
            sign = !sign;
            difference = UInt128.Zero - difference;
        }

        high = (ulong)(difference >> 64);
        low = (ulong)difference;
        if (high == 0)
        {
            high = low;
            low = 0;
            exponent -= 64;
        }

        var shift = BitOperations.LeadingZeroCount(high);
        if (shift != 0)
        {
            high = (high << shift) | (low >> (64 - shift));
            low <<= shift;
            exponent -= shift;
        }

        return FloatRounding.Round(sign, exponent, high, low, format, ref status);
    }
}
