namespace Vivarium.X86;

/// <summary>128-bit division and square root, faster than UInt128's for the shapes that floating point needs.</summary>
internal static class WideInteger
{
    /// <summary>(high:low) / divisor, where divisor has bit 63 set and high &lt; divisor (Knuth, algorithm D with 32-bit digits).</summary>
    public static ulong Divide(ulong high, ulong low, ulong divisor, out ulong remainder)
    {
        var divisorHigh = divisor >> 32;
        var divisorLow = (uint)divisor;
        var first = Digit(high, low >> 32, divisor, divisorHigh, divisorLow, out var middle);
        var second = Digit(middle, (uint)low, divisor, divisorHigh, divisorLow, out remainder);
        return (first << 32) | second;
    }

    /// <summary>The integer square root of a value of at least 2^126, and what is left.</summary>
    public static ulong SquareRoot(UInt128 value, out UInt128 remainder)
    {
        // The estimate from 53 bits is off by less than 2^12; one Newton step squares the relative error away.
        var estimate = Math.Sqrt((double)(ulong)(value >> 64)) * 4294967296.0;
        var root = estimate >= 18446744073709551615.0 ? ulong.MaxValue : Math.Max((ulong)estimate, 1UL << 63);
        var high = (ulong)(value >> 64);
        var quotient = high >= root ? ulong.MaxValue : Divide(high, (ulong)value, root, out _);
        root = (root >> 1) + (quotient >> 1) + (root & quotient & 1);
        while (Square(root) > value)
        {
            root--;
        }

        remainder = value - Square(root);
        while (remainder > ((UInt128)root << 1))
        {
            root++;
            remainder = value - Square(root);
        }

        return root;
    }

    /// <summary>The upper 128 bits of a 128 × 128 bit product, with an error of at most 3 units.</summary>
    public static UInt128 MultiplyHigh(UInt128 a, UInt128 b)
    {
        var (aHigh, aLow) = ((ulong)(a >> 64), (ulong)a);
        var (bHigh, bLow) = ((ulong)(b >> 64), (ulong)b);
        var high = Math.BigMul(aHigh, bHigh, out var low);
        var middle1 = Math.BigMul(aHigh, bLow, out _);
        var middle2 = Math.BigMul(aLow, bHigh, out _);
        return new UInt128(high, low) + middle1 + middle2;
    }

    private static UInt128 Square(ulong value)
    {
        var high = Math.BigMul(value, value, out var low);
        return new UInt128(high, low);
    }

    private static ulong Digit(ulong high, ulong next, ulong divisor, ulong divisorHigh, uint divisorLow, out ulong remainder)
    {
        var (digit, rest) = Math.DivRem(high, divisorHigh);
        while (digit > uint.MaxValue || digit * divisorLow > ((rest << 32) | next))
        {
            digit--;
            rest += divisorHigh;
            if (rest > uint.MaxValue)
            {
                break;
            }
        }

        remainder = unchecked((high << 32) + next - (digit * divisor));
        return digit;
    }
}
