using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// A segment register with its hidden part. <see cref="Attributes"/> has the layout of VMX access rights (Intel SDM Vol. 3C §25.4.1):
/// type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SegmentRegister
{
    public const uint TypeMask = 0xF;
    public const uint CodeOrData = 1 << 4;
    public const uint Present = 1 << 7;
    public const uint Long = 1 << 13;
    public const uint Default32 = 1 << 14;
    public const uint Granularity = 1 << 15;
    public const uint Unusable = 1 << 16;

    /// <summary>The linear address of offset 0.</summary>
    public ulong Base;

    /// <summary>The last valid offset in bytes, granularity applied.</summary>
    public uint Limit;

    /// <summary>Access rights.</summary>
    public uint Attributes;

    /// <summary>The visible selector.</summary>
    public ushort Selector;

    // Named, so that an assignment clears them: the state is saved and compared byte by byte, and what lay on the host's stack is nobody's business.
    private readonly ushort _padding;
    private readonly uint _morePadding;

    public readonly int Dpl => (int)(Attributes >> 5) & 3;

    public readonly bool IsUsable => (Attributes & Unusable) == 0;
}
