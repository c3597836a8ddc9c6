namespace Vivarium.Devices;

/// <summary>
/// Intel's 82540EM network adapter, for guests without a virtio driver: legacy, context and data descriptors, checksums and TCP segmentation left to
/// the network, filters, VLAN tags, EEPROM, PHY, interrupts by pin. Frames go between guest memory and an <see cref="IFrameSink"/>, such as a
/// port of a switch, in turns on the machine's event queue.
/// </summary>
/// <remarks>
/// Not there: interrupt throttling and delay timers (an interrupt comes once a turn), wake-up, management, flow control, descriptor prefetch. A saved
/// state holds registers and no frames for the guest. Source: Intel "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual".
/// </remarks>
public sealed partial class E1000 : IPciFunction
{
    internal const ushort VendorId = 0x8086;
    internal const ushort DeviceId = 0x100E;
    private const int MemoryBar = 0;
    private const int IoBar = 1;
    private const ulong MemoryBytes = 0x2_0000;
    private const int ReceiveAddressCount = 16;
    private const uint AddressValid = 1u << 31;

    private readonly IPciHost _host;
    private readonly IGuestMemory _memory;
    private readonly IVmEventQueue _events;
    private readonly FramePool _pool;
    private readonly MacAddress _address;
    private readonly FrameQueue _waiting;
    private readonly E1000Eeprom _eeprom;
    private readonly Action _transmitTurn;
    private readonly Action _receiveTurn;
    private readonly Action _linkTurn;

    /// <summary>What the driver reads and writes, a word for each offset.</summary>
    private readonly uint[] _registers = new uint[E1000Register.End / 4];
    private volatile IFrameSink? _output;
    private volatile bool _isLinkUp = true;
    private bool _isRunning;
    private bool _transmitPosted;
    private uint _ioAddress;

    /// <summary>Creates an adapter that is connected to nothing.</summary>
    /// <param name="stateName">Unique in its machine, such as <c>e1000-0</c>.</param>
    /// <param name="host">The function's place on the bus.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="events">The machine's event queue.</param>
    /// <param name="pool">Where buffers for frames of the guest come from, such as the switch's.</param>
    /// <param name="options">How it shows itself.</param>
    /// <exception cref="ArgumentException">An option is impossible.</exception>
    public E1000(string stateName, IPciHost host, IGuestMemory memory, IVmEventQueue events, FramePool pool, E1000Options? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(stateName);
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(events);
        ArgumentNullException.ThrowIfNull(pool);
        options ??= new E1000Options();
        options.Validate();
        StateName = stateName;
        _host = host;
        _memory = memory;
        _events = events;
        _pool = pool;
        _address = options.Address;
        _eeprom = new E1000Eeprom(_address);
        _transmitTurn = TransmitTurn;
        _receiveTurn = ReceiveTurn;
        _linkTurn = LinkTurn;
        _waiting = new FrameQueue(() => _events.Post(_receiveTurn), options.WaitingFrames);
        ResetRegisters();
    }

    /// <inheritdoc/>
    public string StateName { get; }

    /// <inheritdoc/>
    public PciFunctionDescription Description { get; } = new()
    {
        VendorId = VendorId,
        DeviceId = DeviceId,
        RevisionId = 3,
        ClassCode = 0x020000,
        SubsystemVendorId = VendorId,
        SubsystemId = 0x001E,
        Bars = [new PciBar(MemoryBar, PciBarKind.Memory32, MemoryBytes), new PciBar(IoBar, PciBarKind.Io, 64)],
        InterruptPin = PciInterruptPin.A,
    };

    /// <summary>Where the network puts frames for the guest. They come whole: the adapter completes nothing.</summary>
    public IFrameSink Input => _waiting;

    /// <summary>Frames that came while too many waited for the guest.</summary>
    public long DroppedFrames => _waiting.DroppedFrames;

    /// <summary>Whether the guest sees a cable that is plugged in. May be changed at any time; it is told when its machine runs.</summary>
    public bool IsLinkUp
    {
        get => _isLinkUp;
        set
        {
            _isLinkUp = value;
            _events.Post(_linkTurn);
        }
    }

    /// <summary>Where frames of the guest go from now on; null for nowhere. Any thread.</summary>
    public void Connect(IFrameSink? output) => _output = output;

    /// <inheritdoc/>
    public void BusMasterChanged(bool enabled)
    {
        if (enabled)
        {
            Resume();
        }
    }

    /// <inheritdoc/>
    public void Start()
    {
        _isRunning = true;
        LinkTurn();
        Resume();
    }

    /// <inheritdoc/>
    public void Stop() => _isRunning = false;

    /// <inheritdoc/>
    public void Reset()
    {
        ResetRegisters();
        _ioAddress = 0;
        _waiting.Clear();
        ReleaseFrames();
    }

    private void Resume()
    {
        PostTransmit();
        _events.Post(_receiveTurn);
    }

    private void ResetRegisters()
    {
        Array.Clear(_registers);
        _eeprom.Reset();
        ResetPhy();
        _context = default;
        _assembledBytes = 0;
        _assemblyFails = false;
        this[E1000Register.Status] = StatusOf(_isLinkUp);
        this[E1000Register.PacketBuffer] = 0x0010_0030;
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        _address.Write(bytes);
        this[E1000Register.ReceiveAddress] = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        this[E1000Register.ReceiveAddress + 4] = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) | AddressValid;
        UpdateInterrupt();
    }

    private static uint StatusOf(bool isUp) => E1000Bits.StatusFullDuplex | E1000Bits.StatusSpeed1000 | (isUp ? E1000Bits.StatusLinkUp : 0);

    /// <summary>Tells the driver of the link, if it has changed.</summary>
    private void LinkTurn()
    {
        var status = StatusOf(_isLinkUp);
        if (this[E1000Register.Status] != status)
        {
            this[E1000Register.Status] = status;
            Raise(E1000Bits.CauseLink);
        }
    }

    private void Raise(uint causes)
    {
        this[E1000Register.InterruptCause] |= causes;
        UpdateInterrupt();
    }

    private void UpdateInterrupt() => _host.SetInterruptPin((this[E1000Register.InterruptCause] & this[E1000Register.InterruptMask]) != 0);

    private ref uint this[int offset] => ref _registers[offset / 4];
}
