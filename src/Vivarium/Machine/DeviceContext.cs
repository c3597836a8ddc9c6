using Microsoft.Extensions.Logging;
using Vivarium.Bus;
using Vivarium.Memory;

namespace Vivarium;

/// <summary>
/// What a device gets when it is added to a machine: the services it takes in its constructor, and the places where it can be attached.
/// Valid while the machine is built.
/// </summary>
public sealed class DeviceContext
{
    private readonly PortBus _ports;
    private readonly MmioBus _mmio;
    private readonly InterruptRouter _router;
    private readonly GuestMemory _memory;
    private readonly List<IStateUnit> _units = [];
    private readonly List<(string Name, ISnapshotBackend Disk)> _disks = [];
    private readonly List<IDisposable> _owned = [];

    internal DeviceContext(PortBus ports, MmioBus mmio, InterruptRouter router, GuestMemory memory)
    {
        _ports = ports;
        _mmio = mmio;
        _router = router;
        _memory = memory;
    }

    /// <summary>Guest time and timers.</summary>
    public required IVmClock Clock { get; init; }

    /// <summary>The door for completions and host calls.</summary>
    public required IVmEventQueue Events { get; init; }

    /// <summary>Power-off and reset.</summary>
    public required IPowerControl Power { get; init; }

    /// <summary>The machine's randomness.</summary>
    public required IEntropySource Entropy { get; init; }

    /// <summary>Loggers.</summary>
    public required ILoggerFactory LoggerFactory { get; init; }

    /// <summary>Held around every call of a device.</summary>
    public required Lock DeviceLock { get; init; }

    /// <summary>Guest memory for DMA.</summary>
    public IGuestMemory Memory => _memory;

    /// <summary>Guest memory with all that it can do.</summary>
    internal GuestMemory GuestMemory => _memory;

    /// <summary>The PCI bus; null if the machine has none.</summary>
    internal PciComplex? Pci { get; set; }

    internal IReadOnlyList<IStateUnit> Units => _units;

    internal IReadOnlyList<(string Name, ISnapshotBackend Disk)> Disks => _disks;

    internal IReadOnlyList<IDisposable> Owned => _owned;

    /// <summary>A new interrupt line to global system interrupt <paramref name="gsi"/>, 0 to 23; devices may share one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such interrupt.</exception>
    public IrqLine ConnectIrq(int gsi) => _router.Connect(gsi);

    /// <summary>Claims I/O ports.</summary>
    /// <exception cref="ArgumentException">Another device has some of them.</exception>
    public BusRegistration MapPorts(ushort start, int count, IPortDevice device, string name) => _ports.Map(start, count, device, name);

    /// <summary>Claims guest-physical addresses outside RAM.</summary>
    /// <exception cref="ArgumentException">Another device or RAM is at some of them.</exception>
    public BusRegistration MapMmio(ulong gpa, ulong sizeBytes, IMmioDevice device, string name)
    {
        foreach (var ram in _memory.RamRanges)
        {
            if (gpa < ram.Gpa + ram.SizeBytes && ram.Gpa < gpa + sizeBytes)
            {
                throw new ArgumentException(
                    $"'{name}' at 0x{gpa:X} overlaps RAM at 0x{ram.Gpa:X}-0x{ram.Gpa + ram.SizeBytes - 1:X}; choose an address from 0xC0000000 to 0xCFFFFFFF.");
            }
        }

        return _mmio.Map(gpa, sizeBytes, device, name);
    }

    /// <summary>Puts a function on the PCI bus and makes it part of the machine's reset, start, stop and saved state.</summary>
    /// <param name="create">Makes the function, which keeps the host it is given: that is its interrupts.</param>
    /// <param name="address">Where, in slots 1 to 31; null for function 0 of the lowest free slot.</param>
    /// <param name="kind">Whether the device comes and goes (<see cref="VirtualMachine.PlugPciDevice"/>); the same for all functions of a slot.</param>
    /// <exception cref="InvalidOperationException">The machine has no PCI bus, or all slots are taken.</exception>
    /// <exception cref="ArgumentException">The place is taken, the function's description is impossible, or its state name is not its own.</exception>
    public void AddPciFunction(Func<IPciHost, IPciFunction> create, PciAddress? address = null, PciSlotKind kind = PciSlotKind.Fixed)
    {
        ArgumentNullException.ThrowIfNull(create);
        var pci = Pci ?? throw new InvalidOperationException("This machine has no PCI bus: call WithPci on its builder.");
        pci.Add(this, create, address, kind);
    }

    /// <summary>Makes a device part of the machine's reset, start, stop and saved state.</summary>
    /// <exception cref="ArgumentException">Another unit has the same name.</exception>
    public void AddStateUnit(IStateUnit unit)
    {
        ArgumentNullException.ThrowIfNull(unit);
        if (_units.Exists(each => each.StateName == unit.StateName))
        {
            throw new ArgumentException($"There is already a device with the state name '{unit.StateName}'; names must differ.", nameof(unit));
        }

        _units.Add(unit);
    }

    /// <summary>
    /// Makes a disk part of the machine's snapshots, if it is an <see cref="ISnapshotBackend"/>; others remain the business of the host program.
    /// </summary>
    /// <param name="name">The state name of its device.</param>
    /// <param name="disk">What stands behind that.</param>
    public void AddDisk(string name, IBlockBackend disk)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(disk);
        if (disk is ISnapshotBackend backend)
        {
            _disks.Add((name, backend));
        }
    }

    /// <summary>Lets the machine dispose of it when it is disposed itself.</summary>
    public void AddOwned(IDisposable owned)
    {
        ArgumentNullException.ThrowIfNull(owned);
        _owned.Add(owned);
    }
}
