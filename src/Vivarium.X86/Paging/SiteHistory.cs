using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>What is noted of a <see cref="SiteEntry"/> beside it, as lookups that hit do not need it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SiteHistory
{
    public const int MissesOffset = 0;
    public const int IsFilledOffset = 1;

    /// <summary>Misses. Whoever makes it overflow looks whether the site is worth its entry.</summary>
    public byte Misses;

    /// <summary>1 if the entry is in the list of those to be emptied at a flush.</summary>
    public byte IsFilled;

    /// <summary>When the misses began to be counted, in units of 1,024 instructions.</summary>
    public uint Since;
}
