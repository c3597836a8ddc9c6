namespace Vivarium.Bus;

/// <summary>
/// One region of a function on the buses. It is mapped where its register says while the command register allows it. Where something else is
/// at the same addresses, RAM comes before fixed devices, those before PCI, and of two regions the one of the lower slot, function and
/// register answers. So whatever a guest writes, one answer is defined and nothing is lost. Device lock held.
/// </summary>
internal sealed class PciBaseAddress : IMmioDevice, IPortDevice
{
    private const ulong PortSpaceBytes = 0x1_0000;

    private readonly PciBar _bar;
    private readonly IPciFunction _function;
    private readonly PciMsiXTable? _table;
    private readonly PortBus _ports;
    private readonly MmioBus _mmio;
    private readonly string _name;
    private readonly int _priority;
    private BusRegistration? _registration;

    public PciBaseAddress(PciBar bar, IPciFunction function, PciMsiXTable? table, PortBus ports, MmioBus mmio, PciAddress address)
    {
        _bar = bar;
        _function = function;
        _table = table?.Bar == bar.Index ? table : null;
        _ports = ports;
        _mmio = mmio;
        _name = $"PCI {address} base address {bar.Index}";
        _priority = -1 - (address.Index * 8) - bar.Index;
    }

    /// <summary>Where the region answers now; null while it is unmapped.</summary>
    public ulong? MappedAt => _registration?.Start;

    /// <summary>Maps, moves or unmaps as the registers say.</summary>
    public void Update(PciConfigurationSpace space, bool isPresent)
    {
        var address = isPresent ? FindAddress(space) : null;
        if (address == MappedAt)
        {
            return;
        }

        if (address is { } start && _registration is not null)
        {
            _registration.Move(start);
            return;
        }

        _registration?.Dispose();
        _registration = address switch
        {
            null => null,
            { } first when _bar.Kind == PciBarKind.Io => _ports.Map((ushort)first, (int)_bar.SizeBytes, this, _name, _priority),
            { } first => _mmio.Map(first, _bar.SizeBytes, this, _name, _priority),
        };
    }

    public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        return _table?.Find(offset, sizeBytes) switch
        {
            PciMsiXTable.Part.Table => _table.ReadTable(offset, sizeBytes, out value),
            PciMsiXTable.Part.Pending => _table.ReadPending(offset, sizeBytes, out value),
            PciMsiXTable.Part.Border => IoResult.BadSize,
            _ => _function.ReadBar(_bar.Index, offset, sizeBytes, out value),
        };
    }

    public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value) => _table?.Find(offset, sizeBytes) switch
    {
        PciMsiXTable.Part.Table => _table.WriteTable(offset, sizeBytes, value),
        PciMsiXTable.Part.Pending => IoResult.ReadOnly,
        PciMsiXTable.Part.Border => IoResult.BadSize,
        _ => _function.WriteBar(_bar.Index, offset, sizeBytes, value),
    };

    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        var result = _function.ReadBar(_bar.Index, offset, sizeBytes, out var wide);
        value = (uint)wide;
        return result;
    }

    public IoResult WritePort(ushort offset, int sizeBytes, uint value) => _function.WriteBar(_bar.Index, offset, sizeBytes, value);

    /// <summary>Address 0 counts as none: that is what a register holds before anybody has set it.</summary>
    private ulong? FindAddress(PciConfigurationSpace space)
    {
        var register = PciRegister.BaseAddresses + (4 * _bar.Index);
        var address = (ulong)space.ReadUInt32(register);
        address |= _bar.Kind == PciBarKind.Memory64 ? (ulong)space.ReadUInt32(register + 4) << 32 : 0;
        address &= ~(_bar.SizeBytes - 1);
        var decodes = space.ReadUInt16(PciRegister.Command) & (_bar.Kind == PciBarKind.Io ? PciRegister.CommandIo : PciRegister.CommandMemory);
        var isReachable = address != 0 && (_bar.Kind != PciBarKind.Io || address < PortSpaceBytes);
        return decodes != 0 && isReachable ? address : null;
    }
}
