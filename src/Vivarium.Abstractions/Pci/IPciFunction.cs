namespace Vivarium;

/// <summary>
/// One function of a PCI device: what answers behind its base addresses. Configuration space, base addresses, MSI and MSI-X belong to the
/// bus, which builds them from <see cref="Description"/>. All calls come with the machine's device lock held and must not block. The guest
/// chooses offsets, sizes and values: every combination must have a defined result.
/// </summary>
/// <remarks>
/// A function gets its <see cref="IPciHost"/> in its constructor, as it gets its clock and back end. As a state unit it saves what is its own;
/// the bus saves configuration space and interrupt tables in a unit of their own. <see cref="IStateUnit.Reset"/> resets what is behind the
/// base addresses; the bus resets the rest, and base addresses are unmapped and bus mastering is off by then. Plugging and unplugging
/// a device are resets too.
/// </remarks>
public interface IPciFunction : IStateUnit
{
    /// <summary>What the function is and has. Read once, when it is put on the bus.</summary>
    PciFunctionDescription Description { get; }

    /// <summary>
    /// Reads <paramref name="sizeBytes"/> bytes (memory: 1, 2, 4 or 8; I/O: 1, 2 or 4) at <paramref name="offset"/> from the start of base address
    /// <paramref name="bar"/>. The access lies within the region, but need not be aligned. The MSI-X table and pending bits are not seen here.
    /// </summary>
    /// <param name="bar">The region's <see cref="PciBar.Index"/>.</param>
    /// <param name="offset">0 to the region's size − <paramref name="sizeBytes"/>.</param>
    /// <param name="sizeBytes">How many bytes.</param>
    /// <param name="value">What was read, in the low bytes.</param>
    IoResult ReadBar(int bar, ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        return IoResult.NoRegister;
    }

    /// <summary>Writes the low <paramref name="sizeBytes"/> bytes of <paramref name="value"/>, as <see cref="ReadBar"/> reads; the bits above are zero.</summary>
    IoResult WriteBar(int bar, ulong offset, int sizeBytes, ulong value) => IoResult.NoRegister;

    /// <summary>
    /// The guest turned bus mastering on or off (<see cref="IPciHost.IsBusMaster"/>). While it is off the function must neither read nor write
    /// guest memory; work that came meanwhile may be done when it is turned on. Not called for a reset, which turns it off, nor for a restore:
    /// ask <see cref="IPciHost.IsBusMaster"/> in <see cref="IStateUnit.Start"/>.
    /// </summary>
    void BusMasterChanged(bool enabled)
    {
    }
}
