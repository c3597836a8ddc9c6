using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// The page that one access of hot code met last. <c>(linear ^ tag) &lt; limit</c> tests in one comparison that it is the same page, and that the
/// access ends within it; a limit of zero is a miss for every address.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SiteEntry
{
    public const int TagOffset = 0;
    public const int LimitOffset = 8;
    public const int PageOffset = 16;
    public const int MissesOffset = 24;

    /// <summary>Linear address of the page.</summary>
    public ulong Tag;

    /// <summary>4,097 less the bytes of the access, or 0.</summary>
    public ulong Limit;

    /// <summary>Host address of the page.</summary>
    public nint Page;

    /// <summary>Misses. Whoever makes it overflow looks whether the site is worth its entry.</summary>
    public byte Misses;

    /// <summary>When the misses began to be counted, in units of 1,024 instructions.</summary>
    public uint Since;
}
