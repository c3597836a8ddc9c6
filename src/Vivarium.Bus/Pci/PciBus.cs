namespace Vivarium.Bus;

/// <summary>
/// PCI bus 0 of a PC: up to 32 devices of up to 8 functions, their configuration space, regions and interrupts (PCI Local Bus 3.0). Reach it
/// through <see cref="PciConfigurationPorts"/> and <see cref="PciConfigurationWindow"/>. Add functions while building; all else is called with
/// the device lock held.
/// </summary>
public sealed class PciBus
{
    private const int PinCount = 4;

    private readonly PciFunctionUnit?[] _functions = new PciFunctionUnit?[PciAddress.SlotCount * PciAddress.FunctionCount];
    private readonly PortBus _ports;
    private readonly MmioBus _mmio;
    private readonly InterruptRouter _router;
    private readonly IReadOnlyList<IReadOnlyList<int>> _interrupts;

    /// <summary>Creates an empty bus.</summary>
    /// <param name="ports">Where I/O regions are mapped.</param>
    /// <param name="mmio">Where memory regions are mapped.</param>
    /// <param name="router">Takes the pins and the messages.</param>
    /// <param name="interrupts">
    /// The global system interrupts that each of the bus's four interrupt wires drives. Pin p (A is 0) of slot s is on wire (s + p) modulo 4.
    /// Default: wires 0 to 3 drive 16 to 19 of the IOAPIC, and 10, 11, 10, 11 for systems that use the 8259 pair.
    /// </param>
    /// <exception cref="ArgumentException">There are not four wires.</exception>
    public PciBus(PortBus ports, MmioBus mmio, InterruptRouter router, IReadOnlyList<IReadOnlyList<int>>? interrupts = null)
    {
        _ports = ports ?? throw new ArgumentNullException(nameof(ports));
        _mmio = mmio ?? throw new ArgumentNullException(nameof(mmio));
        _router = router ?? throw new ArgumentNullException(nameof(router));
        _interrupts = interrupts ?? [[16, 10], [17, 11], [18, 10], [19, 11]];
        if (_interrupts.Count != PinCount)
        {
            throw new ArgumentException($"A PCI bus has {PinCount} interrupt wires, not {_interrupts.Count}; give one list of interrupts for each.", nameof(interrupts));
        }
    }

    /// <summary>The addresses that are taken, in order.</summary>
    public IReadOnlyList<PciAddress> Addresses => [.. _functions.OfType<PciFunctionUnit>().Select(each => each.Address)];

    /// <summary>Which of the bus's four interrupt wires a pin of a slot is on: 0 to 3.</summary>
    public static int FindWire(int slot, PciInterruptPin pin) => (slot + (int)pin - 1) % PinCount;

    /// <summary>The lowest slot without any function; −1 if all are taken.</summary>
    public int FindFreeSlot() =>
        Enumerable.Range(0, PciAddress.SlotCount).FirstOrDefault(slot => !Array.Exists(_functions, each => each?.Address.Slot == slot), -1);

    /// <summary>Whether a guest finds a device in a slot.</summary>
    public bool IsPresent(int slot) => Array.Exists(_functions, each => each is { IsPresent: true } && each.Address.Slot == slot);

    /// <summary>
    /// Lets a guest find the functions of a slot, or hides them: then they are as after a reset, unmapped and silent. <see cref="PciHotPlug"/> does it
    /// in agreement with a running guest.
    /// </summary>
    public void SetPresent(int slot, bool isPresent)
    {
        foreach (var function in _functions)
        {
            if (function is not null && function.Address.Slot == slot)
            {
                function.SetPresent(isPresent);
            }
        }
    }

    /// <summary>Puts a function on the bus. Call while building.</summary>
    /// <param name="address">A free place. A device without function 0 is not found by guests.</param>
    /// <param name="create">Makes the function, which keeps the host it is given.</param>
    /// <param name="unit">
    /// The state of configuration space and interrupts. The machine must reset and restore it before the function, which is a state unit of its own.
    /// </param>
    /// <returns>The function.</returns>
    /// <exception cref="ArgumentException">The place is taken, or the function's description is impossible.</exception>
    public IPciFunction Add(PciAddress address, Func<IPciHost, IPciFunction> create, out IStateUnit unit)
    {
        ArgumentNullException.ThrowIfNull(create);
        if (_functions[address.Index] is not null)
        {
            throw new ArgumentException($"There is already a function at PCI {address}; choose another place.", nameof(address));
        }

        var added = new PciFunctionUnit(address, create, pin => Connect(address.Slot, pin), _ports, _mmio, _router);
        _functions[address.Index] = added;
        var device = Array.FindAll(_functions, each => each?.Address.Slot == address.Slot);
        foreach (var function in device)
        {
            function!.IsMultiFunction = device.Length > 1 || address.Function > 0;
        }

        unit = added;
        return added.Function;
    }

    /// <summary>Reads configuration space; all ones where nobody is.</summary>
    /// <param name="address">Which function.</param>
    /// <param name="offset">0 to 4,096 − <paramref name="sizeBytes"/>; need not be aligned.</param>
    /// <param name="sizeBytes">1 to 4.</param>
    public uint ReadConfiguration(PciAddress address, int offset, int sizeBytes)
    {
        ThrowIfOutside(offset, sizeBytes);
        return Find(address)?.Read(offset, sizeBytes) ?? uint.MaxValue >> (32 - (8 * sizeBytes));
    }

    /// <summary>Writes configuration space, as <see cref="ReadConfiguration"/> reads; lost where nobody is.</summary>
    public void WriteConfiguration(PciAddress address, int offset, int sizeBytes, uint value)
    {
        ThrowIfOutside(offset, sizeBytes);
        Find(address)?.Write(offset, sizeBytes, value);
    }

    private static void ThrowIfOutside(int offset, int sizeBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sizeBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeBytes, sizeof(uint));
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, PciRegister.ExtendedSpaceBytes - sizeBytes);
    }

    private PciFunctionUnit? Find(PciAddress address) => _functions[address.Index] is { IsPresent: true } function ? function : null;

    private IrqLine[] Connect(int slot, PciInterruptPin pin) => [.. _interrupts[FindWire(slot, pin)].Select(_router.Connect)];
}
