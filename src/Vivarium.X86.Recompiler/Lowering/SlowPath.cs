namespace Vivarium.X86;

/// <summary>Out-of-line code that hands an instruction to the interpreter and comes back behind it.</summary>
internal unsafe struct SlowPath
{
    /// <summary>Displacements of the jumps that lead here; the second may be null.</summary>
    public byte* First;
    public byte* Second;
    public int Record;

    /// <summary>Where to go on, null while the instruction is being emitted.</summary>
    public byte* Resume;

    /// <summary>The host's flags are in use at <see cref="Resume"/>.</summary>
    public bool RestoresFlags;

    /// <summary>The interpreter leaves the block: nothing comes back.</summary>
    public bool Leaves;
}
