namespace Vivarium.Bus;

/// <summary>
/// Puts devices into slots and takes them out while the guest runs, with registers that the machine's ACPI code reads: a block of 12 ports, each
/// register with one bit for each slot. +0: slots that were filled; +4: slots whose device is asked for; both are cleared by writing ones. +8:
/// writing ones ejects. Functions are added to the bus while building, and only whether a guest finds them changes. Device lock held.
/// </summary>
public sealed class PciHotPlug : IPortDevice, IStateUnit
{
    /// <summary>How many ports the block takes.</summary>
    public const int PortCount = 12;

    private const int FilledOffset = 0;
    private const int WantedOffset = 4;
    private const int EjectOffset = 8;
    private const ushort FilledField = 1;
    private const ushort WantedField = 2;

    private readonly PciBus _bus;
    private readonly uint _slots;
    private readonly Action _notify;
    private uint _filled;
    private uint _wanted;

    /// <summary>Creates the controller.</summary>
    /// <param name="bus">Whose slots it has.</param>
    /// <param name="slots">The slots whose devices come and go; all others are fixed.</param>
    /// <param name="notify">Raises the general-purpose event on which the guest reads the registers.</param>
    public PciHotPlug(PciBus bus, IEnumerable<int> slots, Action notify)
    {
        ArgumentNullException.ThrowIfNull(slots);
        _bus = bus ?? throw new ArgumentNullException(nameof(bus));
        _notify = notify ?? throw new ArgumentNullException(nameof(notify));
        foreach (var slot in slots)
        {
            _slots |= Bit(new PciAddress(slot));
        }
    }

    /// <inheritdoc/>
    public string StateName => "pci-hot-plug";

    /// <summary>Puts the device that was added for a slot into it and tells the guest. Does nothing if it is there.</summary>
    /// <exception cref="ArgumentException">The slot is fixed.</exception>
    public void Plug(int slot)
    {
        var bit = Require(slot);
        if (!_bus.IsPresent(slot))
        {
            _bus.SetPresent(slot, true);
            _filled |= bit;
            _wanted &= ~bit;
            _notify();
        }
    }

    /// <summary>
    /// Asks the guest to give a device back. It goes when the guest ejects it (<see cref="PciBus.IsPresent"/>), which it need not do. Does nothing
    /// if the slot is empty.
    /// </summary>
    /// <exception cref="ArgumentException">The slot is fixed.</exception>
    public void RequestUnplug(int slot)
    {
        var bit = Require(slot);
        if (_bus.IsPresent(slot))
        {
            _wanted |= bit;
            _notify();
        }
    }

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = offset switch
        {
            FilledOffset => _filled,
            WantedOffset => _wanted,
            _ => 0,
        };
        return Check(offset, sizeBytes);
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        var result = Check(offset, sizeBytes);
        if (result != IoResult.Ok)
        {
            return result;
        }

        switch (offset)
        {
            case FilledOffset:
                _filled &= ~value;
                break;
            case WantedOffset:
                _wanted &= ~value;
                break;
            default:
                Eject(value & _slots);
                break;
        }

        return IoResult.Ok;
    }

    /// <summary>Forgets what the guest was to be told; devices stay where they are, as a guest that boots looks for itself.</summary>
    public void Reset() => (_filled, _wanted) = (0, 0);

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(FilledField, (ulong)_filled);
        writer.Write(WantedField, (ulong)_wanted);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        _filled = reader.ReadUInt32(FilledField) & _slots;
        _wanted = reader.ReadUInt32(WantedField) & _slots;
    }

    private static uint Bit(PciAddress address) => 1u << address.Slot;

    private static IoResult Check(ushort offset, int sizeBytes) =>
        offset is FilledOffset or WantedOffset or EjectOffset && sizeBytes == sizeof(uint) ? IoResult.Ok : IoResult.NoRegister;

    private void Eject(uint slots)
    {
        for (var slot = 0; slot < PciAddress.SlotCount; slot++)
        {
            if ((slots >> slot & 1) != 0)
            {
                _bus.SetPresent(slot, false);
            }
        }

        _filled &= ~slots;
        _wanted &= ~slots;
    }

    private uint Require(int slot)
    {
        var bit = Bit(new PciAddress(slot));
        return (_slots & bit) != 0
            ? bit
            : throw new ArgumentException($"PCI slot {slot} is fixed. Add its functions as hot-pluggable ones to plug and unplug them.", nameof(slot));
    }
}
