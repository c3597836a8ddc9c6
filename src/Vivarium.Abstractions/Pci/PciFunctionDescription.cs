namespace Vivarium;

/// <summary>What a PCI function is and has, from which the bus makes its configuration space (PCI Local Bus 3.0 ch. 6). Immutable.</summary>
public sealed record PciFunctionDescription
{
    /// <summary>The vendor ID; never 0xFFFF.</summary>
    public required ushort VendorId { get; init; }

    /// <summary>The device ID.</summary>
    public required ushort DeviceId { get; init; }

    /// <summary>Base class, sub-class and programming interface in 24 bits, such as 0x010802 for NVMe.</summary>
    public required uint ClassCode { get; init; }

    /// <summary>The revision ID. Default 0.</summary>
    public byte RevisionId { get; init; }

    /// <summary>The subsystem's vendor ID. Default 0.</summary>
    public ushort SubsystemVendorId { get; init; }

    /// <summary>The subsystem's ID. Default 0.</summary>
    public ushort SubsystemId { get; init; }

    /// <summary>The base addresses, in any order. Default none.</summary>
    public IReadOnlyList<PciBar> Bars { get; init; } = [];

    /// <summary>The interrupt pin. Default none.</summary>
    public PciInterruptPin InterruptPin { get; init; }

    /// <summary>The MSI-X capability, if the function has it. Default none.</summary>
    public PciMsiX? MsiX { get; init; }

    /// <summary>How many MSI messages the function can send: 0 (no MSI capability), 1, 2, 4, 8, 16 or 32. Default 0.</summary>
    public int MsiMessageCount { get; init; }

    /// <summary>
    /// More capabilities, vendor-specific ones for instance, in the order in which the guest finds them; the bus places them from 0x40, on
    /// offsets that are multiples of four, and MSI-X and MSI after them. Default none.
    /// </summary>
    public IReadOnlyList<PciCapability> Capabilities { get; init; } = [];

    /// <summary>
    /// Registers of the function's own at fixed offsets in its configuration space, 0x40 to 0xFFF, outside any capability. Default none.
    /// </summary>
    public IReadOnlyList<PciRegisters> Registers { get; init; } = [];
}
