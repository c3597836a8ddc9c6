namespace Vivarium.X86;

/// <summary>PDEP and PEXT for hosts without them.</summary>
internal static class BitGather
{
    public static ulong Deposit(ulong value, ulong mask)
    {
        var result = 0UL;
        for (; mask != 0; mask &= mask - 1)
        {
            result |= (value & 1) != 0 ? mask & (0 - mask) : 0;
            value >>= 1;
        }

        return result;
    }

    public static ulong Extract(ulong value, ulong mask)
    {
        var result = 0UL;
        for (var bit = 1UL; mask != 0; mask &= mask - 1, bit <<= 1)
        {
            result |= (value & mask & (0 - mask)) != 0 ? bit : 0;
        }

        return result;
    }
}
