using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// The page that one access of hot code met last. <c>(linear ^ tag) ≤ 4096 − size</c> tests in one comparison that it is the same page, and that the
/// access ends within it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SiteEntry
{
    public const int TagOffset = 0;
    public const int PageOffset = 8;

    /// <summary>Linear address of the page; <see cref="SiteTlb"/>'s empty tag if there is none.</summary>
    public ulong Tag;

    /// <summary>Host address of the page.</summary>
    public nint Page;
}
