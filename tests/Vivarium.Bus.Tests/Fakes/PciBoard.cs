namespace Vivarium.Bus.Tests.Fakes;

/// <summary>A PCI bus with its buses and router, the two ways into configuration space, and records of interrupts.</summary>
internal sealed class PciBoard : IMsiTarget, IInterruptInput
{
    public const ulong WindowGpa = 0xD000_0000;
    public const int Command = 0x04;
    public const int Io = 1;
    public const int Memory = 2;
    public const int BusMaster = 4;
    public const int InterruptDisable = 0x400;

    private readonly List<IStateUnit> _units = [];

    public PciBoard(IPortDevice? resetControl = null)
    {
        var deviceLock = new Lock();
        Ports = new PortBus(deviceLock);
        Mmio = new MmioBus(deviceLock);
        Router = new InterruptRouter();
        Router.AttachMsiTarget(this);
        Router.RoutePc(pic: null, this);
        Bus = new PciBus(Ports, Mmio, Router);
        Access = new PciConfigurationPorts(Bus, resetControl);
        Ports.Map(0xCF8, PciConfigurationPorts.PortCount, Access, "configuration");
        Mmio.Map(WindowGpa, PciConfigurationWindow.SizeBytes, new PciConfigurationWindow(Bus), "configuration");
    }

    public PortBus Ports { get; }

    public MmioBus Mmio { get; }

    public InterruptRouter Router { get; }

    public PciBus Bus { get; }

    public PciConfigurationPorts Access { get; }

    public IReadOnlyList<IStateUnit> Units => _units;

    public List<(ulong Address, uint Data)> Messages { get; } = [];

    public HashSet<int> RaisedPins { get; } = [];

    public int PinCount => 24;

    public TestFunction Add(int slot, PciFunctionDescription description, int function = 0)
    {
        var added = (TestFunction)Bus.Add(new PciAddress(slot, function), host => new TestFunction(host, description), out var unit);
        _units.Add(unit);
        return added;
    }

    public void SendMsi(ulong address, uint data) => Messages.Add((address, data));

    public void SetPin(int pin, bool level) => _ = level ? RaisedPins.Add(pin) : RaisedPins.Remove(pin);

    public uint Read(int slot, int offset, int sizeBytes = 4, int function = 0) => Bus.ReadConfiguration(new PciAddress(slot, function), offset, sizeBytes);

    public void Write(int slot, int offset, uint value, int sizeBytes = 4) => Bus.WriteConfiguration(new PciAddress(slot), offset, sizeBytes, value);

    public void SetCommand(int slot, int bits) => Write(slot, Command, (uint)bits, 2);

    /// <summary>Finds a capability as drivers do; 0 if it is not in the list.</summary>
    public int FindCapability(int slot, byte id)
    {
        var at = (int)Read(slot, 0x34, 1);
        for (var steps = 0; at != 0 && Read(slot, at, 1) != id; steps++)
        {
            Assert.InRange(steps, 0, 48);
            Assert.Equal(0, at & 3);
            at = (int)Read(slot, at + 1, 1);
        }

        return at;
    }
}
