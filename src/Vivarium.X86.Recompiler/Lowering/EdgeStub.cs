namespace Vivarium.X86;

/// <summary>The out-of-line part of a jump to another block of the page, or, for a conditional one, all of it.</summary>
internal unsafe struct EdgeStub
{
    /// <summary>The conditional jump that leads here, or null.</summary>
    public byte* Condition;

    /// <summary>The jump out of a slice that is used up, or null.</summary>
    public byte* Exit;

    /// <summary>The jump that is linked to the target, for a conditional edge null until emitted.</summary>
    public byte* Link;

    /// <summary>Offset of the target from the page, which may lie outside it for a far edge.</summary>
    public int Target;

    /// <summary>Instructions of the block that were executed when the edge is taken.</summary>
    public int Count;

    /// <summary>The block's own assignment of registers holds where the conditional jump is.</summary>
    public bool IsSwapped;

    /// <summary>Bytes from the page in the state to that of the jump.</summary>
    public int PageDistance;

    /// <summary>The flags are only in the host's register.</summary>
    public bool SavesFlags;

    /// <summary>How flags are found that are neither there nor in the state.</summary>
    public FlagRecovery Flags;

    /// <summary>The target is followed elsewhere and has a cell; null if not.</summary>
    public Seam? Seam;
}
