namespace Vivarium.X86;

/// <summary>A translated run of guest code within one page, or one instruction on two.</summary>
/// <param name="key">What it is found by.</param>
/// <param name="code">Host address, in the executable view.</param>
/// <param name="instructions">How many it has.</param>
/// <param name="isHot">Whether it was translated with effort, as it runs often.</param>
internal sealed class TranslatedBlock(BlockKey key, nint code, int instructions, bool isHot)
{
    public BlockKey Key { get; } = key;

    public nint Code { get; } = code;

    public int Instructions { get; } = instructions;

    public bool IsHot { get; } = isHot;

    /// <summary>The bytes it was translated from.</summary>
    public CodeImage Image { get; init; }

    /// <summary>The next one in its bucket of the <see cref="BlockTable"/>.</summary>
    public TranslatedBlock? NextInTable { get; set; }

    /// <summary>The first of the edges that lead to it, or <see cref="CodeCache.NoEdge"/>.</summary>
    public int FirstEdge { get; set; } = CodeCache.NoEdge;

    /// <summary>The blocks whose code it holds too, as it follows jumps to them in other pages.</summary>
    public TranslatedBlock[] Followed { get; init; } = [];

    /// <summary>By which exits the block was left when it was sampled.</summary>
    public ExitSamples Exits { get; init; } = new();

    /// <summary>How often a slice ended before it.</summary>
    public int Samples { get; set; }

    /// <summary>When the first of them did, in units of 1,024 instructions of that vCPU.</summary>
    public uint FirstSampled { get; set; }

    /// <summary>How often hot code seems to run in such a unit.</summary>
    public double RunsPerUnit { get; set; }
}
