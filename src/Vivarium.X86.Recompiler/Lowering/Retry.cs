namespace Vivarium.X86;

/// <summary>A lookup that must be made again as the block's own code expects it: registers in their places, and the page in the state.</summary>
/// <param name="record">The instruction's.</param>
/// <param name="start">Where the lookup begins.</param>
/// <param name="isSwapped">The block's own assignment of registers holds.</param>
/// <param name="pageDistance">Bytes from the page in the state to that of the code.</param>
internal unsafe readonly struct Retry(int record, byte* start, bool isSwapped, int pageDistance)
{
    public readonly int Record = record;
    public readonly byte* Start = start;
    public readonly bool IsSwapped = isSwapped;
    public readonly int PageDistance = pageDistance;
}
