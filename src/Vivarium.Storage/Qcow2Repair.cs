namespace Vivarium.Storage;

/// <summary>What a check of a qcow2 image may change.</summary>
public enum Qcow2Repair
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Space that is counted and not used becomes free.</summary>
    Leaks,

    /// <summary>All counts and the marks of sole ownership are made right; marks of an unclean or corrupt image go when nothing is wrong any more.</summary>
    All,
}
