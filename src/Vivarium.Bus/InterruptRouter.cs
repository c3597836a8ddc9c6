namespace Vivarium.Bus;

/// <summary>
/// The interrupt wiring of a board. Each global system interrupt (GSI) takes any number of device lines, ORed, and drives any number of
/// controller pins. Lines 0 to 15 are the ISA interrupts; on a PC line 0, the 8254, reaches pin 0 of the 8259 and pin 2 of the IOAPIC.
/// Connect and route while building; lines are driven under the device lock.
/// </summary>
public sealed class InterruptRouter : IMsiTarget
{
    private const int IsaLines = 16;
    private const int TimerLine = 0;
    private const int TimerIoApicPin = 2;
    private const int CascadeLine = 2;
    private const ulong MsiWindowMask = 0xFFFF_FFFF_FFF0_0000;
    private const ulong MsiWindow = 0xFEE0_0000;

    private readonly Gsi[] _gsis;
    private IMsiTarget? _msiTarget;

    /// <summary>Creates a router without any route.</summary>
    /// <param name="gsiCount">How many GSIs there are, 1 to 1,024. Default 24, as many as an IOAPIC has pins.</param>
    public InterruptRouter(int gsiCount = 24)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gsiCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(gsiCount, 1024);
        _gsis = new Gsi[gsiCount];
        for (var i = 0; i < gsiCount; i++)
        {
            _gsis[i] = new Gsi();
        }
    }

    /// <summary>How many GSIs there are.</summary>
    public int GsiCount => _gsis.Length;

    /// <summary>The wired-OR level of a GSI. Call with the device lock held.</summary>
    public bool GetLevel(int gsi) => Find(gsi).Level;

    /// <summary>Makes a new line for one device. Lines of the same GSI are ORed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such GSI.</exception>
    public IrqLine Connect(int gsi) => new SharedLine(Find(gsi));

    /// <summary>Lets a GSI drive a pin of an interrupt controller.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such GSI or pin.</exception>
    public void Route(int gsi, IInterruptInput input, int pin)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentOutOfRangeException.ThrowIfNegative(pin);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(pin, input.PinCount);
        Find(gsi).Pins.Add((input, pin));
    }

    /// <summary>
    /// Wires a PC: GSIs 0–15 to the 8259 pair, all to the IOAPIC's pins, line 0 to pin 2 there. GSI 2, the cascade, stays free.
    /// </summary>
    /// <param name="pic">The 8259 pair with 16 pins; null if the machine has none.</param>
    /// <param name="ioApic">The IOAPIC; null if the machine has none.</param>
    public void RoutePc(IInterruptInput? pic, IInterruptInput? ioApic)
    {
        for (var gsi = 0; gsi < _gsis.Length; gsi++)
        {
            if (gsi == CascadeLine)
            {
                continue;
            }

            if (pic is not null && gsi < IsaLines)
            {
                Route(gsi, pic, gsi);
            }

            var pin = gsi == TimerLine ? TimerIoApicPin : gsi;
            if (ioApic is not null && pin < ioApic.PinCount)
            {
                Route(gsi, ioApic, pin);
            }
        }
    }

    /// <summary>
    /// Drives every routed pin again with its GSI's level: after a restore, or when a controller was reset. Call with the device lock held.
    /// </summary>
    public void Resync()
    {
        foreach (var gsi in _gsis)
        {
            gsi.DrivePins();
        }
    }

    /// <summary>Names who takes message-signalled interrupts. Call while building.</summary>
    public void AttachMsiTarget(IMsiTarget target)
    {
        ArgumentNullException.ThrowIfNull(target);
        _msiTarget = target;
    }

    /// <summary>Forwards a message to the local APICs. One outside 0xFEExxxxx, or without a target, is lost. Any thread.</summary>
    public void SendMsi(ulong address, uint data)
    {
        if ((address & MsiWindowMask) == MsiWindow)
        {
            _msiTarget?.SendMsi(address, data);
        }
    }

    private Gsi Find(int gsi)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(gsi);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(gsi, _gsis.Length);
        return _gsis[gsi];
    }

    private sealed class Gsi
    {
        private int _raisedLines;

        public List<(IInterruptInput Input, int Pin)> Pins { get; } = [];

        public bool Level => _raisedLines > 0;

        public void LineChanged(bool level)
        {
            var before = Level;
            _raisedLines += level ? 1 : -1;
            if (Level != before)
            {
                DrivePins();
            }
        }

        public void DrivePins()
        {
            foreach (var (input, pin) in Pins)
            {
                input.SetPin(pin, Level);
            }
        }
    }

    private sealed class SharedLine(Gsi gsi) : IrqLine
    {
        protected override void OnLevelChanged(bool level) => gsi.LineChanged(level);
    }
}
