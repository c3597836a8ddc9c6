namespace Vivarium.X86;

/// <summary>A lookup in the TLB that may find its page beside.</summary>
/// <param name="jump">Displacement of the jump of a miss.</param>
/// <param name="compared">Where the offset in the page is compared.</param>
/// <param name="mode">The <see cref="MmuMode"/>.</param>
/// <param name="writes">For what it is looked up.</param>
internal readonly unsafe struct TlbMiss(byte* jump, byte* compared, int mode, bool writes)
{
    public byte* Jump { get; } = jump;

    public byte* Compared { get; } = compared;

    public int Mode { get; } = mode;

    public bool Writes { get; } = writes;
}
