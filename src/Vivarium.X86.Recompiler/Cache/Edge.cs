namespace Vivarium.X86;

/// <summary>A direct way from a block to another of its page.</summary>
internal struct Edge
{
    /// <summary>An edge that leads to the way out still.</summary>
    public const int Unlinked = -2;

    /// <summary>It is no jump: what holds the displacement compares addresses.</summary>
    public const int NoWayOut = -1;

    /// <summary>Offset in the cache of the jump's displacement.</summary>
    public int Displacement;

    /// <summary>Offset in the cache of the way out that an unlinked jump leads to, or <see cref="NoWayOut"/>.</summary>
    public int WayOut;

    /// <summary>The next edge that leads to the same block, <see cref="CodeCache.NoEdge"/>, or <see cref="Unlinked"/>.</summary>
    public int Next;
}
