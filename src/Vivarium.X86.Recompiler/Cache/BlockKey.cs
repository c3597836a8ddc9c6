namespace Vivarium.X86;

/// <summary>What a translated block is found by.</summary>
/// <param name="Gpa">Guest-physical address of its first byte.</param>
/// <param name="SecondPageGpa">The page that its only instruction runs on into, or <see cref="DecodedRun.NoPage"/>.</param>
/// <param name="Mode">What else its translation depends on.</param>
internal readonly record struct BlockKey(ulong Gpa, ulong SecondPageGpa, TranslationMode Mode)
{
    /// <summary>Spread over all bits. Few blocks have a second page, and few differ in their mode alone.</summary>
    public override int GetHashCode() => (int)((Gpa ^ ((ulong)Mode << 40)) * 0x9E3779B97F4A7C15 >> 32);
}
