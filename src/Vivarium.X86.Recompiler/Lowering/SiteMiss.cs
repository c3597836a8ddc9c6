namespace Vivarium.X86;

/// <summary>Out-of-line code of a lookup at a site: the TLB is asked, and the site's entry filled.</summary>
internal unsafe struct SiteMiss
{
    /// <summary>Displacement of the jump that leads here.</summary>
    public byte* Jump;

    /// <summary>Where to go on with the offset in the page.</summary>
    public byte* Resume;

    /// <summary>Number of the entry.</summary>
    public int Site;

    public int Instruction;

    /// <summary>The mode of accesses that the block is in there.</summary>
    public int Mode;

    /// <summary>Number of the slow path for what the TLB has not.</summary>
    public int Path;

    public int SizeBytes;
    public bool Writes;
}
