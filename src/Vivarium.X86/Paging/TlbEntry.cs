using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// One page's translation for data. A tag is the linear address of the page, or <see cref="Tlb.InvalidTag"/>, and
/// <c>(linear ^ tag) ≤ 4096 − size</c> tests hit and page crossing in one comparison.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TlbEntry
{
    public ulong ReadTag;
    public ulong WriteTag;

    /// <summary>Host address of the page.</summary>
    public nint Page;

    /// <summary>1 for a global page.</summary>
    public ulong Global;
}
