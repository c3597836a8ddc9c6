namespace Vivarium.X86;

/// <summary>Memory type registers: kept and checked, without effect on memory (Intel SDM Vol. 3A §12.11, §12.12).</summary>
internal static unsafe class MemoryTypeRanges
{
    private const int FixedCount = 11;
    private const int VariableCount = 16;

    /// <summary>Where in <see cref="CpuState.Mtrr"/> an MTRR is kept, or −1 if the index is not one.</summary>
    public static int Slot(uint index) => index switch
    {
        MsrIndex.MtrrFix64K => 0,
        MsrIndex.MtrrFix16K0 => 1,
        MsrIndex.MtrrFix16K1 => 2,
        >= MsrIndex.MtrrFix4K0 and < MsrIndex.MtrrFix4K0 + 8 => 3 + (int)(index - MsrIndex.MtrrFix4K0),
        >= MsrIndex.MtrrPhysBase0 and < MsrIndex.MtrrPhysBase0 + VariableCount => FixedCount + (int)(index - MsrIndex.MtrrPhysBase0),
        _ => -1,
    };

    /// <summary>IA32_MTRR_DEF_TYPE: a type, and the enable bits 10 and 11.</summary>
    public static bool TrySetDefault(CpuState* s, ulong value)
    {
        if ((value & ~0xCFFUL) != 0 || !IsType(value & 0xFF))
        {
            return false;
        }

        s->MtrrDefType = value;
        return true;
    }

    /// <summary>An MTRR by its slot: eight types, or a base with a type, or a mask with its valid bit.</summary>
    public static bool TrySet(CpuState* s, int slot, ulong value)
    {
        var valid = slot < FixedCount ? AreTypes(value)
            : (slot - FixedCount) % 2 == 0 ? IsType(value & 0xFF) && (value & ~(PageEntry.FrameMask | 0xFF)) == 0
            : (value & ~(PageEntry.FrameMask | (1 << 11))) == 0;
        if (valid)
        {
            s->Mtrr[slot] = value;
        }

        return valid;
    }

    /// <summary>IA32_PAT: each byte must be a memory type 0, 1, 4, 5, 6 or 7.</summary>
    public static bool TrySetPat(CpuState* s, ulong value)
    {
        for (var i = 0; i < 64; i += 8)
        {
            if ((value >> i & 0xFF) is not (0 or 1 or 4 or 5 or 6 or 7))
            {
                return false;
            }
        }

        s->Pat = value;
        return true;
    }

    /// <summary>Uncacheable, write-combining, write-through, write-protected or write-back.</summary>
    private static bool IsType(ulong type) => type is 0 or 1 or 4 or 5 or 6;

    private static bool AreTypes(ulong value)
    {
        for (var i = 0; i < 64; i += 8)
        {
            if (!IsType(value >> i & 0xFF))
            {
                return false;
            }
        }

        return true;
    }
}
