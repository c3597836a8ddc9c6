namespace Vivarium;

/// <summary>A region behind a base address register (PCI Local Bus 3.0 §6.2.5).</summary>
/// <param name="Index">The register, 0 to 5. A 64-bit region also takes the next one.</param>
/// <param name="Kind">The space and width.</param>
/// <param name="SizeBytes">
/// A power of two: I/O 4 to 256, memory 16 bytes to 2 GiB (32 bits) or 1 TiB (64 bits). Use at least 4,096 for memory, so that guests give it pages of
/// its own.
/// </param>
/// <param name="IsPrefetchable">Memory only: reads have no side effects and writes may be merged.</param>
public sealed record PciBar(int Index, PciBarKind Kind, ulong SizeBytes, bool IsPrefetchable = false);

/// <summary>What a base address register maps.</summary>
public enum PciBarKind
{
    /// <summary>Guest-physical addresses below 4 GiB.</summary>
    Memory32,

    /// <summary>Guest-physical addresses of 64 bits, in two registers.</summary>
    Memory64,

    /// <summary>I/O ports.</summary>
    Io,
}
