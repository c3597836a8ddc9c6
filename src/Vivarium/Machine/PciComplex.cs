using Vivarium.Bus;
using Vivarium.Devices;

namespace Vivarium;

/// <summary>The PCI bus of a board: its host bridge, the ways to configuration space, and what the ACPI tables say about it.</summary>
internal sealed class PciComplex
{
    private const ushort ConfigurationPort = 0xCF8;
    private const ushort HotPlugPort = 0x610;
    private const int HotPlugEvent = 1;

    /// <summary>Without firmware: for each interrupt wire a pin of the IOAPIC, and for systems without it a pin of the 8259 pair.</summary>
    private static readonly int[][] s_interrupts = [[16, 10], [17, 11], [18, 10], [19, 11]];

    private readonly IReadOnlyList<IReadOnlyList<int>> _interrupts;
    private readonly PciBus _bus;
    private readonly bool _hasFirmware;
    private readonly ulong _memoryBytes;
    private readonly SortedDictionary<int, PciSlotKind> _slots = [];
    private PciHotPlug? _hotPlug;

    public PciComplex(DeviceContext context, PortBus ports, MmioBus mmio, InterruptRouter router, ResetControlRegister reset, ulong memoryBytes, FirmwareBoard? firmware)
    {
        _interrupts = firmware is null ? s_interrupts : FirmwareBoard.Interrupts;
        _hasFirmware = firmware is not null;
        _memoryBytes = memoryBytes;
        _bus = new PciBus(ports, mmio, router, _interrupts);
        var access = new PciConfigurationPorts(_bus, reset);
        ports.Map(ConfigurationPort, PciConfigurationPorts.PortCount, access, "pci configuration");
        mmio.Map(MemoryLayout.PciConfigurationGpa, PciConfigurationWindow.SizeBytes, new PciConfigurationWindow(_bus), "pci configuration");
        context.AddStateUnit(access);
        Add(context, _ => firmware is null ? new PciHostBridge() : firmware.CreateHostBridge(), new PciAddress(0), PciSlotKind.Fixed);
    }

    /// <summary>Puts a function on the bus and its state into the machine.</summary>
    public void Add(DeviceContext context, Func<IPciHost, IPciFunction> create, PciAddress? address, PciSlotKind kind)
    {
        var place = address ?? FindFree();
        if (_slots.TryGetValue(place.Slot, out var other) && other != kind)
        {
            throw new ArgumentException($"PCI slot {place.Slot} is {other} and cannot also be {kind}; give all functions of a device the same kind.", nameof(kind));
        }

        var function = _bus.Add(place, create, out var unit);
        _slots[place.Slot] = kind;
        context.AddStateUnit(unit);
        context.AddStateUnit(function);
    }

    /// <summary>All functions are there: empties the slots that are to be, and attaches what fills them later.</summary>
    public void Finish(DeviceContext context, Action<int> raiseEvent)
    {
        var slots = _slots.Where(each => each.Value != PciSlotKind.Fixed).Select(each => each.Key).ToArray();
        if (slots.Length == 0)
        {
            return;
        }

        foreach (var slot in slots)
        {
            _bus.SetPresent(slot, _slots[slot] == PciSlotKind.Filled);
        }

        _hotPlug = new PciHotPlug(_bus, slots, () => raiseEvent(HotPlugEvent));
        context.MapPorts(HotPlugPort, PciHotPlug.PortCount, _hotPlug, "pci hot-plug");
        context.AddStateUnit(_hotPlug);
    }

    /// <summary>Whether a guest finds a device in a slot. Device lock held.</summary>
    public bool IsPresent(int slot) => _bus.IsPresent(slot);

    /// <summary>What fills and empties a slot.</summary>
    /// <exception cref="ArgumentException">The slot is fixed or has no device.</exception>
    public PciHotPlug RequireHotPlug(int slot) => _hotPlug is not null && _slots.GetValueOrDefault(slot) != PciSlotKind.Fixed
        ? _hotPlug
        : throw new ArgumentException($"No device comes and goes in PCI slot {slot}: add its functions as {PciSlotKind.Filled} or {PciSlotKind.Empty}.", nameof(slot));

    /// <summary>Describes the bus as it is now.</summary>
    public AcpiPciBus Describe() => new()
    {
        ConfigurationWindowGpa = MemoryLayout.PciConfigurationGpa,
        MemoryWindow = (MemoryLayout.PciWindowGpa, MemoryLayout.PciWindowLastGpa),
        HighMemoryWindow = MemoryLayout.FindHighPciWindow(_memoryBytes),
        Routes = [.. _bus.Addresses.Select(each => each.Slot).Where(slot => slot > 0).Distinct().SelectMany(CreateRoutes)],
        HotPlug = _hotPlug is null
            ? null
            : new AcpiPciHotPlug(HotPlugPort, HotPlugEvent, [.. _slots.Where(each => each.Value != PciSlotKind.Fixed).Select(each => each.Key)]),
    };

    private IEnumerable<AcpiPciRoute> CreateRoutes(int slot) => Enumerable.Range(0, _interrupts.Count).Select(pin =>
    {
        var wire = PciBus.FindWire(slot, PciInterruptPin.A + pin);
        return new AcpiPciRoute(slot, pin, (uint)_interrupts[wire][0], _hasFirmware ? FirmwareBoard.FindIsaInterrupt(wire) : (byte)_interrupts[wire][1]);
    });

    private PciAddress FindFree()
    {
        var slot = _bus.FindFreeSlot();
        return slot >= 0
            ? new PciAddress(slot)
            : throw new InvalidOperationException("All 32 slots of the PCI bus are taken. Give devices several functions, or leave some out.");
    }
}
