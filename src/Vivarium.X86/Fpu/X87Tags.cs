namespace Vivarium.X86;

/// <summary>The two forms of the tag word that instructions store (Intel SDM Vol. 1 §8.1.7, table 10-2).</summary>
internal static unsafe class X87Tags
{
    private const int Valid = 0;
    private const int Zero = 1;
    private const int Special = 2;
    private const int Empty = 3;

    /// <summary>The full tag word, made from the contents of the registers.</summary>
    public static ushort Full(CpuState* state)
    {
        var tags = 0;
        for (var i = 0; i < 8; i++)
        {
            tags |= Tag(state, i) << (i * 2);
        }

        return (ushort)tags;
    }

    /// <summary>The abridged tag byte: a bit for each register that is not empty.</summary>
    public static byte Abridged(CpuState* state)
    {
        var tags = 0;
        for (var i = 0; i < 8; i++)
        {
            tags |= ((state->Ftw >> (i * 2)) & 3) == Empty ? 0 : 1 << i;
        }

        return (byte)tags;
    }

    public static ushort FromAbridged(byte abridged)
    {
        var tags = 0;
        for (var i = 0; i < 8; i++)
        {
            tags |= (abridged & (1 << i)) != 0 ? 0 : Empty << (i * 2);
        }

        return (ushort)tags;
    }

    private static int Tag(CpuState* state, int physical)
    {
        if (((state->Ftw >> (physical * 2)) & 3) == Empty)
        {
            return Empty;
        }

        var value = (Float80*)(state->X87 + (physical * 16));
        return value->BiasedExponent switch
        {
            0 when value->Significand == 0 => Zero,
            0 or 0x7FFF => Special,
            _ => (long)value->Significand < 0 ? Valid : Special,
        };
    }
}
