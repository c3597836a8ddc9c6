namespace Vivarium.Devices;

/// <summary>
/// An AHCI controller (AHCI 1.3.1) as a function of PCI, with disks and CD drives at its ports: 64-bit addresses, 32 command slots, native command
/// queueing, MSI or a pin. Work in flight at a pause is begun again afterwards. All members but those of a CD drive are called with the
/// device lock held.
/// </summary>
/// <remarks>
/// Data goes through a buffer of the host's, 256 KiB at a time. What the back end cannot do is an error for the guest, and the controller goes on.
/// </remarks>
public sealed partial class AhciController : IPciFunction, IWordRegisters
{
    /// <summary>How many ports a controller has.</summary>
    public const int PortCount = 6;

    private const int RegistersBar = 5;
    private const int PortsOffset = 0x100;
    private const int PortBytes = 0x80;
    private const int CapabilitiesOffset = 0x00;
    private const int GlobalControlOffset = 0x04;
    private const int InterruptStatusOffset = 0x08;
    private const int ImplementedOffset = 0x0C;
    private const int VersionOffset = 0x10;

    /// <summary>64-bit addresses, native command queueing, 6 Gb/s, AHCI only, command list override, 32 slots.</summary>
    private const uint Capabilities = (1u << 31) | (1 << 30) | (1 << 24) | (3 << 20) | (1 << 18) | ((AhciPort.SlotCount - 1) << 8) | (PortCount - 1);
    private const uint Version = 0x0001_0301;
    private const uint ControlReset = 1 << 0;
    private const uint ControlInterruptEnable = 1 << 1;
    private const uint ControlAhci = 1u << 31;

    private readonly IPciHost _host;
    private readonly BlockJobRunner _jobs;
    private readonly AhciPort[] _ports;
    private bool _interruptsEnabled;
    private uint _interruptStatus;
    private bool _isRunning;

    /// <summary>Creates a controller.</summary>
    /// <param name="host">Its place on the bus.</param>
    /// <param name="stateName">Such as <c>ahci0</c>.</param>
    /// <param name="memory">Guest memory.</param>
    /// <param name="events">The machine's event queue.</param>
    /// <param name="drives">What is at the ports, the first at port 0: 1 to 6.</param>
    /// <exception cref="ArgumentException">There are too many drives, or none.</exception>
    public AhciController(IPciHost host, string stateName, IGuestMemory memory, IVmEventQueue events, IReadOnlyList<AhciDrive> drives)
    {
        ArgumentNullException.ThrowIfNull(drives);
        ArgumentException.ThrowIfNullOrEmpty(stateName);
        if (drives.Count is < 1 or > PortCount)
        {
            throw new ArgumentException($"An AHCI controller has 1 to {PortCount} drives, not {drives.Count}; add another controller.", nameof(drives));
        }

        _host = host ?? throw new ArgumentNullException(nameof(host));
        StateName = stateName;
        _jobs = new BlockJobRunner(memory ?? throw new ArgumentNullException(nameof(memory)), events ?? throw new ArgumentNullException(nameof(events)));
        _ports = [.. Enumerable.Range(0, PortCount).Select(number => new AhciPort(number, memory, _jobs, () => _isRunning, () => _host.IsBusMaster, OnPortInterrupt))];
        for (var i = 0; i < drives.Count; i++)
        {
            _ports[i].Device = drives[i].CreateDevice(_ports[i], events);
        }
    }

    /// <inheritdoc/>
    public PciFunctionDescription Description { get; } = new()
    {
        VendorId = 0x8086,
        DeviceId = 0x2922,
        ClassCode = 0x010601,
        RevisionId = 2,
        SubsystemVendorId = 0x1AF4,
        SubsystemId = 0x1100,
        Bars = [new PciBar(RegistersBar, PciBarKind.Memory32, 0x1000)],
        InterruptPin = PciInterruptPin.A,
        MsiMessageCount = 1,
    };

    /// <inheritdoc/>
    public string StateName { get; }

    /// <inheritdoc/>
    public IoResult ReadBar(int bar, ulong offset, int sizeBytes, out ulong value) => WordRegisters.Read(this, offset, sizeBytes, out value);

    /// <inheritdoc/>
    public IoResult WriteBar(int bar, ulong offset, int sizeBytes, ulong value) => WordRegisters.Write(this, offset, sizeBytes, value);

    /// <inheritdoc/>
    public void BusMasterChanged(bool enabled)
    {
        if (enabled)
        {
            KickAll();
        }
    }

    private void KickAll()
    {
        foreach (var port in _ports)
        {
            port.Kick();
        }
    }

    uint IWordRegisters.ReadWord(int offset) => offset switch
    {
        CapabilitiesOffset => Capabilities,
        GlobalControlOffset => ControlAhci | (_interruptsEnabled ? ControlInterruptEnable : 0),
        InterruptStatusOffset => _interruptStatus,
        ImplementedOffset => (1u << PortCount) - 1,
        VersionOffset => Version,
        >= PortsOffset and < PortsOffset + (PortCount * PortBytes) => _ports[(offset - PortsOffset) / PortBytes].Read((offset - PortsOffset) % PortBytes),
        _ => 0,
    };

    void IWordRegisters.WriteWord(int offset, uint value)
    {
        switch (offset)
        {
            case GlobalControlOffset when (value & ControlReset) != 0:
                ResetController();
                break;
            case GlobalControlOffset:
                _interruptsEnabled = (value & ControlInterruptEnable) != 0;
                UpdateInterrupt();
                break;
            case InterruptStatusOffset:
                _interruptStatus &= ~value;
                CollectInterrupts();
                UpdateInterrupt();
                break;
            case >= PortsOffset and < PortsOffset + (PortCount * PortBytes):
                _ports[(offset - PortsOffset) / PortBytes].Write((offset - PortsOffset) % PortBytes, value);
                break;
            default:
                break;
        }
    }

    private void ResetController()
    {
        (_interruptsEnabled, _interruptStatus) = (false, 0);
        foreach (var port in _ports)
        {
            port.Reset();
        }

        _interruptStatus = 0;
        UpdateInterrupt();
    }

    /// <summary>A port's interrupt status or enable changed.</summary>
    private void OnPortInterrupt(int port)
    {
        CollectInterrupts();
        UpdateInterrupt();
    }

    private void CollectInterrupts()
    {
        foreach (var port in _ports)
        {
            _interruptStatus |= port.HasInterrupt ? 1u << port.Number : 0;
        }
    }

    private void UpdateInterrupt()
    {
        var isDue = _interruptsEnabled && _interruptStatus != 0;
        if (!isDue || !_host.SignalMessage(0))
        {
            _host.SetInterruptPin(isDue);
        }
    }
}
