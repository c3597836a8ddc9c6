namespace Vivarium.X86;

/// <summary>A translated run of guest code within one page, or one instruction on two.</summary>
/// <param name="Key">What it is found by.</param>
/// <param name="Code">Host address, in the executable view.</param>
internal sealed record TranslatedBlock(BlockKey Key, nint Code);
