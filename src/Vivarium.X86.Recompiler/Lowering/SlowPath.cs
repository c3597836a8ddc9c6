namespace Vivarium.X86;

/// <summary>Out-of-line code that hands an instruction to the interpreter and comes back behind it.</summary>
internal unsafe struct SlowPath
{
    /// <summary>The lookup that leads here.</summary>
    public TlbMiss Miss;

    /// <summary>Displacements of other jumps that lead here, or null.</summary>
    public byte* First;
    public byte* Second;
    public int Record;

    /// <summary>Bytes from the page in the state to that of the code, at the lookup and at <see cref="Resume"/>.</summary>
    public int PageDistance;
    public int ResumeDistance;

    /// <summary>The last instruction that the interpreter executes.</summary>
    public int End;

    /// <summary>Where to go on, null until that instruction was emitted.</summary>
    public byte* Resume;

    /// <summary>The host's flags are in use at <see cref="Resume"/>.</summary>
    public bool RestoresFlags;

    /// <summary>The block's own assignment of registers holds.</summary>
    public bool IsSwapped;

    /// <summary>The interpreter leaves the block: nothing comes back.</summary>
    public bool Leaves;
}
