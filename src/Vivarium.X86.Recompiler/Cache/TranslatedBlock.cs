namespace Vivarium.X86;

/// <summary>A translated run of guest code within one page, or one instruction on two.</summary>
/// <param name="key">What it is found by.</param>
/// <param name="code">Host address, in the executable view.</param>
/// <param name="isHot">Whether it was translated with effort, as it runs often.</param>
internal sealed class TranslatedBlock(BlockKey key, nint code, bool isHot)
{
    public BlockKey Key { get; } = key;

    public nint Code { get; } = code;

    public bool IsHot { get; } = isHot;

    /// <summary>How often a slice ended before it.</summary>
    public int Samples { get; set; }
}
