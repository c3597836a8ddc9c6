namespace Vivarium.X86;

/// <summary>Memory type registers: kept and checked, without effect on memory (Intel SDM Vol. 3A §12.11, §12.12).</summary>
internal static unsafe class Mtrr
{
    private const int FixedCount = 11;
    private const int VariableCount = 16;

    /// <summary>Where in <see cref="CpuState.Mtrr"/> an MTRR is kept, or −1 if the index is not one.</summary>
    public static int Slot(uint index) => index switch
    {
        Msr.MtrrFix64K => 0,
        Msr.MtrrFix16K0 => 1,
        Msr.MtrrFix16K1 => 2,
        >= Msr.MtrrFix4K0 and < Msr.MtrrFix4K0 + 8 => 3 + (int)(index - Msr.MtrrFix4K0),
        >= Msr.MtrrPhysBase0 and < Msr.MtrrPhysBase0 + VariableCount => FixedCount + (int)(index - Msr.MtrrPhysBase0),
        _ => -1,
    };

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
}
