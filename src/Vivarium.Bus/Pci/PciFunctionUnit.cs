namespace Vivarium.Bus;

/// <summary>
/// All of a function that the bus keeps: configuration space, regions, messages and the pin; also what the function sees as its host.
/// Device lock held.
/// </summary>
internal sealed partial class PciFunctionUnit : IPciHost
{
    private readonly IrqLine[] _lines;
    private readonly PciConfigurationSpace _space;
    private readonly PciBaseAddress[] _bars;
    private readonly PciMessages? _messages;
    private readonly PciMsiXTable? _table;
    private readonly int _tableCapability;
    private bool _pinLevel;
    private bool _wasBusMaster;

    /// <summary>Makes the function, then its registers.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="create">Makes the function for its host.</param>
    /// <param name="connect">Makes the lines that a pin drives.</param>
    /// <param name="ports">Where I/O regions are mapped.</param>
    /// <param name="mmio">Where memory regions are mapped.</param>
    /// <param name="messageTarget">Who takes messages.</param>
    public PciFunctionUnit(
        PciAddress address,
        Func<IPciHost, IPciFunction> create,
        Func<PciInterruptPin, IrqLine[]> connect,
        PortBus ports,
        MmioBus mmio,
        IMsiTarget messageTarget)
    {
        Address = address;
        _space = new PciConfigurationSpace(PciRegister.SpaceBytes);
        _bars = [];
        _lines = [];
        Function = create(this) ?? throw new ArgumentException($"Nothing was made for PCI {address}; return a function.", nameof(create));
        var description = Function.Description;
        _space = PciHeader.Create(description, out var messages, out _tableCapability);
        _messages = messages != 0 ? new PciMessages(_space, messages, messageTarget) : null;
        _table = description.MsiX is { } msiX ? new PciMsiXTable(msiX, messageTarget) : null;
        _lines = description.InterruptPin == PciInterruptPin.None ? [] : connect(description.InterruptPin);
        _bars = [.. description.Bars.Select(bar => new PciBaseAddress(bar, Function, _table, ports, mmio, address))];
    }

    public PciAddress Address { get; }

    public IPciFunction Function { get; }

    /// <summary>Whether the device has other functions: function 0 says so to guests.</summary>
    public bool IsMultiFunction { get; set; }

    /// <summary>Whether the guest finds it; hot-plug changes that.</summary>
    public bool IsPresent { get; private set; } = true;

    /// <inheritdoc/>
    public bool IsMsiXEnabled => _table is not null && (TableControl & 0x8000) != 0;

    /// <inheritdoc/>
    public bool IsMsiEnabled => _messages is { IsEnabled: true } && !IsMsiXEnabled;

    /// <inheritdoc/>
    public bool IsBusMaster => IsPresent && (Command & PciRegister.CommandBusMaster) != 0;

    private ushort Command => _space.ReadUInt16(PciRegister.Command);

    private ushort TableControl => _space.ReadUInt16(_tableCapability + 2);

    /// <inheritdoc/>
    public bool SignalMessage(int vector)
    {
        if (IsMsiXEnabled)
        {
            _table!.Signal(vector);
            return true;
        }

        if (IsMsiEnabled)
        {
            _messages!.Signal(vector);
            return true;
        }

        return false;
    }

    /// <inheritdoc/>
    public void SetInterruptPin(bool level)
    {
        _pinLevel = level && _lines.Length > 0;
        DrivePin();
    }

    public uint Read(int offset, int sizeBytes)
    {
        var status = _space.Values[PciRegister.Status] & ~PciRegister.StatusInterrupt;
        _space.Values[PciRegister.Status] = (byte)(status | (_pinLevel ? PciRegister.StatusInterrupt : 0));
        _space.Values[PciRegister.HeaderType] = IsMultiFunction ? PciRegister.MultiFunction : (byte)0;
        return _space.Read(offset, sizeBytes);
    }

    public void Write(int offset, int sizeBytes, uint value)
    {
        _space.Write(offset, sizeBytes, value);
        Apply();
        if (IsBusMaster != _wasBusMaster)
        {
            _wasBusMaster = IsBusMaster;
            Function.BusMasterChanged(_wasBusMaster);
        }
    }

    /// <summary>Plugs or unplugs: in both cases what comes next is a power-on.</summary>
    public void SetPresent(bool isPresent)
    {
        if (isPresent != IsPresent)
        {
            IsPresent = isPresent;
            Reset();
            Function.Reset();
        }
    }

    /// <summary>Brings regions, messages and the pin in agreement with the registers.</summary>
    private void Apply()
    {
        foreach (var bar in _bars)
        {
            bar.Update(_space, IsPresent);
        }

        _table?.Update(IsMsiXEnabled, (TableControl & 0x4000) != 0, IsBusMaster);
        _messages?.Update(IsMsiEnabled && IsBusMaster);
        DrivePin();
    }

    private void DrivePin()
    {
        var isOpen = IsPresent && (Command & PciRegister.CommandInterruptDisable) == 0 && !IsMsiXEnabled && !IsMsiEnabled;
        foreach (var line in _lines)
        {
            line.SetLevel(_pinLevel && isOpen);
        }
    }
}
