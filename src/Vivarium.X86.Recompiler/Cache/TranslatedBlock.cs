namespace Vivarium.X86;

/// <summary>A translated run of guest code within one page.</summary>
/// <param name="Gpa">Guest-physical address of its first byte.</param>
/// <param name="Mode">What it was translated for.</param>
/// <param name="Code">Host address, in the executable view.</param>
internal sealed record TranslatedBlock(ulong Gpa, TranslationMode Mode, nint Code)
{
    public ushort PageOffset => (ushort)(Gpa & 0xFFF);
}
