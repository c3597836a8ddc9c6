namespace Vivarium.Devices;

/// <summary>What <see cref="AcpiTables"/> tells an operating system about the machine.</summary>
public sealed record AcpiConfiguration
{
    /// <summary>The local APIC IDs of the vCPUs, the bootstrap processor first.</summary>
    public required IReadOnlyList<uint> ApicIds { get; init; }

    /// <summary>The first port of <see cref="AcpiPowerManagement"/>. Default 0x600.</summary>
    public ushort PowerManagementPort { get; init; } = 0x600;

    /// <summary>Whether its timer has 32 bits. Default true.</summary>
    public bool IsTimer32Bits { get; init; } = true;

    /// <summary>The ISA interrupt that is the SCI. Default 9.</summary>
    public byte SciIrq { get; init; } = 9;

    /// <summary>ISA interrupts that are level-triggered and active high, besides the SCI (those of PCI). Default none.</summary>
    public IReadOnlyList<byte> LevelTriggeredIrqs { get; init; } = [];

    /// <summary>The ID in the IOAPIC's ID register. Default 0.</summary>
    public byte IoApicId { get; init; }

    /// <summary>The serial ports. Default COM1.</summary>
    public IReadOnlyList<(ushort Port, byte Irq)> SerialPorts { get; init; } = [(0x3F8, 4)];

    /// <summary>Whether there is an i8042 with keyboard and mouse. Default true.</summary>
    public bool HasKeyboardController { get; init; } = true;

    /// <summary>Whether there is an RTC. Default true.</summary>
    public bool HasRtc { get; init; } = true;

    /// <summary>Whether there is a VGA adapter. Default false.</summary>
    public bool HasVga { get; init; }

    /// <summary>The PCI bus. Default none.</summary>
    public AcpiPciBus? Pci { get; init; }

    /// <summary>Writes more into the DSDT, at its root, for example virtio over MMIO.</summary>
    public Action<AmlWriter>? AdditionalAml { get; init; }

    /// <summary>More tables, made by <see cref="AcpiTables.CreateTable"/>: HPET for example. Default none.</summary>
    public IReadOnlyList<byte[]> AdditionalTables { get; init; } = [];
}
