using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>A direct jump from a block to an address of the same page, which is linked when its target is translated.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Edge
{
    /// <summary>The jump's 32-bit displacement in the writable view.</summary>
    public byte* Displacement;

    /// <summary>The target's offset in the page.</summary>
    public ushort PageOffset;
}
