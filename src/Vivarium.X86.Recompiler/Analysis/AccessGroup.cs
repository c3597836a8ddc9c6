namespace Vivarium.X86;

/// <summary>
/// Memory accesses of a run that are near each other: same base and index, unchanged but for constants. The first of them checks the TLB for
/// the whole span, and the others use its host address.
/// </summary>
internal struct AccessGroup
{
    /// <summary>What the address is made of besides the displacement.</summary>
    public AddressKey Key;

    /// <summary>First and last instruction with a member.</summary>
    public int First;
    public int Last;

    public int Members;

    /// <summary>Bytes covered, as displacements from the key's address.</summary>
    public int Low;
    public int High;

    /// <summary>Whether any member writes.</summary>
    public bool Writes;

    /// <summary>Its span crossed a page too often: each member is checked alone.</summary>
    public bool IsRefused;

    /// <summary>Where the host address is kept between members.</summary>
    public int Slot;
}

/// <summary>The registers of an address with the number of their last change, so that equal keys mean equal values.</summary>
internal readonly record struct AddressKey(ushort Base, int BaseVersion, ushort Index, int IndexVersion, byte Scale, ushort Segment, byte AddressShift);
