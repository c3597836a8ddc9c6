using Vivarium.Bus;
using Vivarium.Devices;

namespace Vivarium;

/// <summary>The PCI bus of a board: its host bridge, the ways to configuration space, and what the ACPI tables say about it.</summary>
internal sealed class PciComplex
{
    private const ushort ConfigurationPort = 0xCF8;

    /// <summary>For each interrupt wire what it drives: a pin of the IOAPIC, and for systems without it a pin of the 8259 pair.</summary>
    private static readonly int[][] s_interrupts = [[16, 10], [17, 11], [18, 10], [19, 11]];

    private readonly PciBus _bus;
    private readonly ulong _memoryBytes;

    public PciComplex(DeviceContext context, PortBus ports, MmioBus mmio, InterruptRouter router, ResetControlRegister reset, ulong memoryBytes)
    {
        _memoryBytes = memoryBytes;
        _bus = new PciBus(ports, mmio, router, s_interrupts);
        var access = new PciConfigurationPorts(_bus, reset);
        ports.Map(ConfigurationPort, PciConfigurationPorts.PortCount, access, "pci configuration");
        mmio.Map(MemoryLayout.PciConfigurationGpa, PciConfigurationWindow.SizeBytes, new PciConfigurationWindow(_bus), "pci configuration");
        context.AddStateUnit(access);
        Add(context, _ => new PciHostBridge(), new PciAddress(0));
    }

    /// <summary>Puts a function on the bus and its state into the machine.</summary>
    public void Add(DeviceContext context, Func<IPciHost, IPciFunction> create, PciAddress? address)
    {
        var place = address ?? FindFree();
        var function = _bus.Add(place, create, out var unit);
        context.AddStateUnit(unit);
        context.AddStateUnit(function);
    }

    /// <summary>Describes the bus as it is now.</summary>
    public AcpiPciBus Describe() => new()
    {
        ConfigurationWindowGpa = MemoryLayout.PciConfigurationGpa,
        MemoryWindow = (MemoryLayout.PciWindowGpa, MemoryLayout.PciWindowLastGpa),
        HighMemoryWindow = MemoryLayout.FindHighPciWindow(_memoryBytes),
        Routes = [.. _bus.Addresses.Select(each => each.Slot).Where(slot => slot > 0).Distinct().SelectMany(CreateRoutes)],
    };

    private static IEnumerable<AcpiPciRoute> CreateRoutes(int slot) => Enumerable.Range(0, s_interrupts.Length).Select(pin =>
    {
        var wire = s_interrupts[PciBus.FindWire(slot, PciInterruptPin.A + pin)];
        return new AcpiPciRoute(slot, pin, (uint)wire[0], (byte)wire[1]);
    });

    private PciAddress FindFree()
    {
        var slot = _bus.FindFreeSlot();
        return slot >= 0
            ? new PciAddress(slot)
            : throw new InvalidOperationException("All 32 slots of the PCI bus are taken. Give devices several functions, or leave some out.");
    }
}
