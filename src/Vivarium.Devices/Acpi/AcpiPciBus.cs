namespace Vivarium.Devices;

/// <summary>What <see cref="AcpiTables"/> tells an operating system about PCI bus 0.</summary>
public sealed record AcpiPciBus
{
    /// <summary>Where bus 0's configuration space is in memory, 1 MiB below 4 GiB. The memory map must reserve it.</summary>
    public required uint ConfigurationWindowGpa { get; init; }

    /// <summary>Memory for regions of devices below 4 GiB: the first and the last address.</summary>
    public required (uint First, uint Last) MemoryWindow { get; init; }

    /// <summary>Memory for regions of devices above 4 GiB and RAM. Default none.</summary>
    public (ulong First, ulong Last)? HighMemoryWindow { get; init; }

    /// <summary>Whether the legacy memory of a VGA adapter, 0xA0000 to 0xBFFFF, is on the bus. Default false.</summary>
    public bool HasVgaMemory { get; init; }

    /// <summary>The interrupts behind the pins of devices. Default none.</summary>
    public IReadOnlyList<AcpiPciRoute> Routes { get; init; } = [];

    /// <summary>The slots whose devices come and go while the guest runs. Default none.</summary>
    public AcpiPciHotPlug? HotPlug { get; init; }
}

/// <summary>How devices come and go.</summary>
/// <param name="Port">The first of 12 ports: three registers of 32 bits with a bit for each slot, which say filled and wanted back, and eject.</param>
/// <param name="GeneralPurposeEvent">The event that says that the registers have changed, 0 to 15.</param>
/// <param name="Slots">The slots, each 1 to 31.</param>
public sealed record AcpiPciHotPlug(ushort Port, int GeneralPurposeEvent, IReadOnlyList<int> Slots);

/// <summary>Which interrupt a pin of a device leads to.</summary>
/// <param name="Slot">The device number, 0 to 31.</param>
/// <param name="Pin">The pin, 0 for INTA# to 3 for INTD#.</param>
/// <param name="Gsi">The global system interrupt, for systems that use the IOAPIC.</param>
/// <param name="IsaIrq">The ISA interrupt, for systems that use the 8259 pair.</param>
public readonly record struct AcpiPciRoute(int Slot, int Pin, uint Gsi, byte IsaIrq);
