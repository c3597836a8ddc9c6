namespace Vivarium.X86;

/// <summary>Bits of paging-structure entries (Intel SDM Vol. 3A §4.5).</summary>
internal static class PageEntry
{
    public const ulong Present = 1 << 0;
    public const ulong Writable = 1 << 1;
    public const ulong User = 1 << 2;
    public const ulong Accessed = 1 << 5;
    public const ulong Dirty = 1 << 6;
    public const ulong Large = 1 << 7;
    public const ulong Global = 1 << 8;
    public const ulong NoExecute = 1UL << 63;

    /// <summary>MAXPHYADDR, as CPUID 0x80000008 reports it.</summary>
    public const int PhysicalAddressBits = 40;

    public const ulong PhysicalMask = (1UL << PhysicalAddressBits) - 1;
    public const ulong FrameMask = PhysicalMask & ~0xFFFUL;
    public const ulong ReservedHigh = ((1UL << 52) - 1) & ~PhysicalMask;
}
