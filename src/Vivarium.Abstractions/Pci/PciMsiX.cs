namespace Vivarium;

/// <summary>
/// The MSI-X capability of a function (PCI Local Bus 3.0 §6.8.2). Table and pending bits lie in a memory region of the function; the bus
/// answers there itself.
/// </summary>
/// <param name="VectorCount">How many vectors, 1 to 2,048.</param>
/// <param name="Bar">The <see cref="PciBar.Index"/> of the memory region. It may hold other registers besides.</param>
/// <param name="TableOffset">Where the table is, a multiple of 8: 16 bytes for each vector.</param>
/// <param name="PendingOffset">Where the pending bits are, a multiple of 8: 8 bytes for each 64 vectors begun.</param>
public sealed record PciMsiX(int VectorCount, int Bar, uint TableOffset, uint PendingOffset)
{
    /// <summary>The size of the table in bytes.</summary>
    public uint TableSizeBytes => 16 * (uint)VectorCount;

    /// <summary>The size of the pending bits in bytes.</summary>
    public uint PendingSizeBytes => 8 * (((uint)VectorCount + 63) / 64);
}
