using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// One page's translation for data. A tag is the linear address of the page, or <see cref="Tlb.InvalidTag"/>, and
/// <c>(linear ^ tag) ≤ 4096 − size</c> tests hit and page crossing in one comparison.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TlbEntry
{
    public const int ReadTagOffset = 0;
    public const int WriteTagOffset = 8;
    public const int PageOffset = 16;

    /// <summary>Binary logarithm of its bytes.</summary>
    public const int SizeShift = 5;

    public ulong ReadTag;
    public ulong WriteTag;

    /// <summary>Host address of the page.</summary>
    public nint Page;

    /// <summary>1 for a global page.</summary>
    public ulong Global;

    /// <summary>From the <see cref="CpuState"/> to the entries of an <see cref="MmuMode"/>.</summary>
    public static int TableOf(int mode) => VcpuMemory.TlbOffset + ((mode * Tlb.EntryCount) << SizeShift);

    /// <summary>Whether it translates the page at a linear address, for whatever accesses.</summary>
    public readonly bool IsOf(ulong page) => ReadTag == page || WriteTag == page;
}
