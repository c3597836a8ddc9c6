namespace Vivarium.Devices;

/// <summary>
/// A 16550A serial port of eight registers (National Semiconductor PC16550D). Baud rates are not simulated: what the guest writes
/// leaves at once, so the transmitter is always empty; only the receiver's timeout interrupt takes the programmed time.
/// As in QEMU the interrupt is not gated by OUT2. All members are called with the device lock held.
/// </summary>
public sealed partial class Uart16550 : IPortDevice, IStateUnit
{
    private const int ReceiveFifoSize = 16;
    private const int OscillatorHz = 1_843_200;
    private const int TimeoutCharacters = 4;

    private readonly IrqLine _irq;
    private readonly ICharacterSink _sink;
    private readonly IVmClock _clock;
    private readonly IVmTimer _timeoutTimer;
    private readonly ReceiveFifo _receiver = new(ReceiveFifoSize);
    private bool _fifoEnabled;
    private int _triggerLevel;
    private ushort _divisor;
    private byte _interruptEnable;
    private byte _lineControl;
    private byte _modemControl;
    private byte _overrun;
    private byte _modemDeltas;
    private byte _scratch;
    private bool _transmitterEmptyPending;
    private bool _timeoutPending;
    private bool _inputRefused;

    /// <summary>Creates a port in its power-on state.</summary>
    /// <param name="name">The name of its state unit, such as <c>uart0</c>.</param>
    /// <param name="irq">Its interrupt: COM1 has IRQ 4, COM2 IRQ 3.</param>
    /// <param name="sink">Takes what the guest sends.</param>
    /// <param name="clock">Times the receiver's timeout.</param>
    public Uart16550(string name, IrqLine irq, ICharacterSink sink, IVmClock clock)
    {
        StateName = name;
        _irq = irq;
        _sink = sink;
        _clock = clock;
        _timeoutTimer = clock.CreateTimer(OnTimeout);
        Reset();
    }

    /// <inheritdoc/>
    public string StateName { get; }

    /// <summary>Called when there is room again after <see cref="Receive"/> took less than it was offered.</summary>
    public Action? InputSpaceAvailable { get; set; }

    /// <summary>How many bytes <see cref="Receive"/> would take now, 0 to 16.</summary>
    public int InputSpace => IsLoopback ? 0 : ReceiveLimit - _receiver.Count;

    private bool IsLoopback => (_modemControl & UartBits.Loopback) != 0;

    private bool IsDivisorLatch => (_lineControl & UartBits.DivisorLatchAccess) != 0;

    private int ReceiveLimit => _fifoEnabled ? ReceiveFifoSize : 1;

    private byte LineStatus => (byte)(UartBits.TransmitterEmpty | _receiver.HeadErrors | _overrun
        | (_receiver.Count > 0 ? UartBits.DataReady : 0)
        | (_fifoEnabled && _receiver.HasErrors ? UartBits.ErrorInFifo : 0));

    /// <summary>The modem's lines: the peer is always there and ready, except in loopback, where they mirror the outputs.</summary>
    private byte ModemLines => IsLoopback
        ? (byte)(((_modemControl & UartBits.RequestToSend) != 0 ? UartBits.ClearToSend : 0)
            | ((_modemControl & UartBits.DataTerminalReady) != 0 ? UartBits.DataSetReady : 0)
            | ((_modemControl & UartBits.Output1) != 0 ? UartBits.RingIndicator : 0)
            | ((_modemControl & UartBits.Output2) != 0 ? UartBits.CarrierDetect : 0))
        : (byte)(UartBits.ClearToSend | UartBits.DataSetReady | UartBits.CarrierDetect);

    /// <summary>Gives bytes to the receiver and returns how many it took: as many as fit, none in loopback.</summary>
    public int Receive(ReadOnlySpan<byte> data)
    {
        var taken = Math.Min(data.Length, InputSpace);
        foreach (var value in data[..taken])
        {
            Push(value, 0);
        }

        _inputRefused |= taken < data.Length;
        return taken;
    }

    /// <summary>Lets the receiver see a break. False, and nothing happens, if there is no room for it.</summary>
    public bool ReceiveBreak()
    {
        if (InputSpace == 0)
        {
            return false;
        }

        Push(0, UartBits.BreakInterrupt);
        return true;
    }

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = 0;
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        switch (offset)
        {
            case 0:
                value = IsDivisorLatch ? (byte)_divisor : ReadReceiver();
                break;
            case 1:
                value = IsDivisorLatch ? (byte)(_divisor >> 8) : _interruptEnable;
                break;
            case 2:
                value = ReadInterruptIdentification();
                break;
            case 3:
                value = _lineControl;
                break;
            case 4:
                value = _modemControl;
                break;
            case 5:
                value = LineStatus;
                _receiver.ClearHeadErrors();
                _overrun = 0;
                UpdateInterrupt();
                break;
            case 6:
                value = (uint)(ModemLines | _modemDeltas);
                _modemDeltas = 0;
                UpdateInterrupt();
                break;
            case 7:
                value = _scratch;
                break;
            default:
                return IoResult.NoRegister;
        }

        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        var data = (byte)value;
        switch (offset)
        {
            case 0 when IsDivisorLatch:
                _divisor = (ushort)((_divisor & 0xFF00) | data);
                break;
            case 0:
                Transmit(data);
                break;
            case 1 when IsDivisorLatch:
                _divisor = (ushort)((_divisor & 0x00FF) | (data << 8));
                break;
            case 1:
                WriteInterruptEnable(data);
                break;
            case 2:
                WriteFifoControl(data);
                break;
            case 3:
                _lineControl = data;
                break;
            case 4:
                WriteModemControl(data);
                break;
            case 5 or 6:
                return IoResult.ReadOnly;
            case 7:
                _scratch = data;
                break;
            default:
                return IoResult.NoRegister;
        }

        return IoResult.Ok;
    }

    private void Transmit(byte data)
    {
        if (IsLoopback)
        {
            Push(data, 0);
        }
        else
        {
            _sink.Write([data]);
        }

        _transmitterEmptyPending = true;
        UpdateInterrupt();
    }

    private byte ReadReceiver()
    {
        var value = _receiver.Pop();
        _timeoutPending = false;
        ArmTimeout();
        UpdateInterrupt();
        NotifyInputSpace();

        return value;
    }

    private void WriteInterruptEnable(byte data)
    {
        // Enabling the transmitter's interrupt while the transmitter is empty, which it always is, raises it at once.
        var enabled = (byte)(data & ~_interruptEnable);
        _interruptEnable = (byte)(data & UartBits.InterruptEnableMask);
        _transmitterEmptyPending |= (enabled & UartBits.EnableTransmitterEmpty) != 0;
        UpdateInterrupt();
    }

    private void WriteFifoControl(byte data)
    {
        var enable = (data & UartBits.FifoEnable) != 0;
        if (enable != _fifoEnabled || (data & UartBits.FifoClearReceiver) != 0)
        {
            _receiver.Clear();
            _timeoutPending = false;
        }

        _fifoEnabled = enable;
        _triggerLevel = enable ? UartBits.TriggerLevel(data) : 1;
        ArmTimeout();
        UpdateInterrupt();
        NotifyInputSpace();
    }

    private void WriteModemControl(byte data)
    {
        var before = ModemLines;
        _modemControl = (byte)(data & UartBits.ModemControlMask);
        var after = ModemLines;
        var changed = before ^ after;
        _modemDeltas |= (byte)((changed & (UartBits.ClearToSend | UartBits.DataSetReady | UartBits.CarrierDetect)) >> 4);
        if ((changed & before & UartBits.RingIndicator) != 0)
        {
            _modemDeltas |= UartBits.TrailingEdgeRing;
        }

        UpdateInterrupt();
        NotifyInputSpace();
    }

    private void NotifyInputSpace()
    {
        if (_inputRefused && InputSpace > 0)
        {
            _inputRefused = false;
            InputSpaceAvailable?.Invoke();
        }
    }

    private void Push(byte data, byte errors)
    {
        if (_receiver.Count >= ReceiveLimit)
        {
            // With the FIFO on, the new character is lost in the shift register; with it off, it overwrites the old one.
            _overrun = UartBits.OverrunError;
            if (!_fifoEnabled)
            {
                _receiver.Clear();
                _receiver.Push(data, errors);
            }
        }
        else
        {
            _receiver.Push(data, errors);
        }

        _timeoutPending = false;
        ArmTimeout();
        UpdateInterrupt();
    }
}
