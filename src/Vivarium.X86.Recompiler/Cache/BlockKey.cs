namespace Vivarium.X86;

/// <summary>What a translated block is found by.</summary>
/// <param name="Gpa">Guest-physical address of its first byte.</param>
/// <param name="SecondPageGpa">The page that its only instruction runs on into, or <see cref="DecodedRun.NoPage"/>.</param>
/// <param name="Mode">What else its translation depends on.</param>
internal readonly record struct BlockKey(ulong Gpa, ulong SecondPageGpa, TranslationMode Mode);
