namespace Vivarium.X86;

/// <summary>Where in a block's host code which part begins, in the order of addresses. For people and tests.</summary>
internal sealed unsafe class CodeMap
{
    private readonly List<CodePlace> _places = [];

    public IReadOnlyList<CodePlace> Places => _places;

    /// <summary>Guest registers in other places than outside of the block.</summary>
    public IReadOnlyList<RegisterSwap> Swaps { get; private set; } = [];

    /// <summary>A block begins.</summary>
    public void Begin(byte* at, ReadOnlySpan<RegisterSwap> swaps)
    {
        Swaps = swaps.ToArray();
        _places.Clear();
        Add(CodePart.Entry, 0, at);
    }

    public void Add(CodePart part, int number, byte* at) => _places.Add(new CodePlace(part, number, (nint)at));

    public void AddInstruction(int index, LoweringKind kind, byte liveFlags, byte* at) =>
        _places.Add(new CodePlace(CodePart.Instruction, index, (nint)at) { Kind = kind, LiveFlags = liveFlags });
}

/// <summary>The beginning of a part of a block's code.</summary>
/// <param name="Part">What it is.</param>
/// <param name="Number">Index of the guest instruction; of an edge, the target's offset from the page.</param>
/// <param name="Start">Address in the writable view.</param>
internal readonly record struct CodePlace(CodePart Part, int Number, nint Start)
{
    public LoweringKind Kind { get; init; }

    /// <summary>Arithmetic flags that are live before an instruction, as <see cref="FlagAnalysis"/> has them.</summary>
    public byte LiveFlags { get; init; }
}

/// <summary>Parts of a block's code.</summary>
internal enum CodePart : byte
{
    /// <summary>What comes before the first instruction.</summary>
    Entry,

    /// <summary>A guest instruction.</summary>
    Instruction,

    /// <summary>The way on behind the last instruction.</summary>
    End,

    /// <summary>The way to the interpreter and back.</summary>
    SlowPath,

    /// <summary>The lookup of an access that met another page than its site's entry has.</summary>
    SiteMiss,

    /// <summary>The out-of-line part of a way to another block.</summary>
    Edge,
}
