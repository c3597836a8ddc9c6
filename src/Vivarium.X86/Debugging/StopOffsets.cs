namespace Vivarium.X86;

/// <summary>
/// Offsets in a page at which some address is a stop address. Code may be reached by more than one linear address, so engines go by the offset,
/// which all of them share: no block goes on over an instruction at such an offset, and a block that begins there is entered by its address
/// alone. Offsets stay when stop addresses go, until all are released: code that was cut there is only slower by a little.
/// </summary>
internal sealed unsafe class StopOffsets
{
    private readonly int[] _holders = new int[4096];
    private int _count;

    /// <summary>Whether any offset is held.</summary>
    public bool Any => _count != 0;

    /// <summary>Whether an instruction at this address, linear or physical, may be at a stop address.</summary>
    public bool MayHold(ulong address) => _count != 0 && _holders[address & 0xFFF] != 0;

    /// <summary>Holds the offset of an address once more. True if it was not held: what was decoded or translated before must go.</summary>
    public bool Hold(ulong address)
    {
        _count++;
        return _holders[address & 0xFFF]++ == 0;
    }

    /// <summary>Takes back one <see cref="Hold"/>.</summary>
    public void Release(ulong address)
    {
        _count--;
        _holders[address & 0xFFF]--;
    }

    /// <summary>How many of the operations come before the first at a held offset, the first of all not counted as one.</summary>
    public int CountBefore(DecodedOp* ops, int count)
    {
        for (var i = 1; i < count; i++)
        {
            if (MayHold(ops[i].PageOffset))
            {
                return i;
            }
        }

        return count;
    }
}
