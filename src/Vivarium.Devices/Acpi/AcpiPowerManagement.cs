namespace Vivarium.Devices;

/// <summary>
/// The fixed power management hardware of ACPI (ACPI 6.5 §4.8): PM1a event and control, the PM timer, and one block of general-purpose
/// events. ACPI mode is always on. All members are called with the device lock held.
/// </summary>
/// <remarks>
/// The block of 16 ports: +0 PM1a status, +2 PM1a enable, +4 PM1a control, +8 timer, +12 GPE0 status (2), +14 GPE0 enable (2).
/// </remarks>
public sealed partial class AcpiPowerManagement : IPortDevice, IStateUnit
{
    /// <summary>How many ports the block takes.</summary>
    public const int PortCount = 16;

    /// <summary>The sleep type of S5, which the <c>\_S5</c> object of the DSDT must name.</summary>
    public const byte SoftOffSleepType = 5;

    /// <summary>The frequency of the PM timer.</summary>
    public const long TimerFrequencyHz = 3_579_545;

    private const ushort TimerStatus = 1 << 0;
    private const ushort GlobalStatus = 1 << 5;
    private const ushort PowerButtonStatus = 1 << 8;
    private const ushort SleepButtonStatus = 1 << 9;
    private const ushort RtcStatus = 1 << 10;
    private const ushort WakeStatus = 1 << 15;
    private const ushort StatusBits = TimerStatus | GlobalStatus | PowerButtonStatus | SleepButtonStatus | RtcStatus | WakeStatus;
    private const ushort EnableBits = TimerStatus | GlobalStatus | PowerButtonStatus | SleepButtonStatus | RtcStatus;
    private const ushort ControlSciEnable = 1 << 0;
    private const ushort ControlKept = 0x1C02;
    private const ushort ControlSleepEnable = 1 << 13;

    private static readonly Frequency s_oscillator = new(TimerFrequencyHz);

    private readonly IrqLine _sci;
    private readonly IVmClock _clock;
    private readonly IPowerControl _power;
    private readonly IVmTimer _timer;
    private readonly int _timerBits;
    private ushort _status;
    private ushort _enable;
    private ushort _control;
    private ushort _gpeStatus;
    private ushort _gpeEnable;

    /// <summary>How many times the timer's top bit had changed when <see cref="_status"/> was last looked at.</summary>
    private long _settledCarries;

    /// <summary>Creates the block in its power-on state.</summary>
    /// <param name="sci">The system control interrupt, level-triggered and active high: IRQ 9.</param>
    /// <param name="clock">The machine's clock.</param>
    /// <param name="power">Is asked for soft-off.</param>
    /// <param name="isTimer32Bits">Whether the PM timer has 32 bits, as the FADT must say, or 24.</param>
    public AcpiPowerManagement(IrqLine sci, IVmClock clock, IPowerControl power, bool isTimer32Bits = true)
    {
        _sci = sci;
        _clock = clock;
        _power = power;
        _timerBits = isTimer32Bits ? 32 : 24;
        _timer = clock.CreateTimer(Settle);
        Reset();
    }

    /// <summary>Presses the power button: an operating system that runs shuts down.</summary>
    public void PressPowerButton()
    {
        _status |= PowerButtonStatus;
        Settle();
    }

    /// <summary>Raises general-purpose event <paramref name="number"/>, 0 to 15.</summary>
    public void RaiseGeneralPurposeEvent(int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, 15);
        _gpeStatus |= (ushort)(1 << number);
        Settle();
    }

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        // Every register can be read at any width within the block: kernels use 8, 16 and 32 bits.
        Settle();
        value = 0;
        if (offset + sizeBytes > PortCount)
        {
            return IoResult.NoRegister;
        }

        // The timer must not move between the bytes of one read.
        var timer = (uint)(s_oscillator.TicksAt(_clock.NowNs) & ((1L << _timerBits) - 1));
        for (var i = 0; i < sizeBytes; i++)
        {
            value |= (uint)ReadByte(offset + i, timer) << (8 * i);
        }

        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (offset + sizeBytes > PortCount)
        {
            return IoResult.NoRegister;
        }

        Settle();
        for (var i = 0; i < sizeBytes; i++)
        {
            WriteByte(offset + i, (byte)(value >> (8 * i)));
        }

        Settle();
        return IoResult.Ok;
    }

    private static byte Part(uint value, int index) => (byte)(value >> (8 * index));

    /// <summary>Replaces one byte of a register.</summary>
    private static ushort With(ushort register, int index, byte value) =>
        (ushort)((register & ~(0xFF << (8 * index))) | (value << (8 * index)));

    private byte ReadByte(int offset, uint timer) => offset switch
    {
        < 2 => Part(_status, offset),
        < 4 => Part(_enable, offset - 2),
        < 6 => Part((uint)(_control | ControlSciEnable), offset - 4),
        < 8 => 0,
        < 12 => Part(timer, offset - 8),
        < 14 => Part(_gpeStatus, offset - 12),
        _ => Part(_gpeEnable, offset - 14),
    };

    private void WriteByte(int offset, byte value)
    {
        switch (offset)
        {
            case < 2:
                _status &= (ushort)~(value << (8 * offset));
                break;
            case < 4:
                _enable = (ushort)(With(_enable, offset - 2, value) & EnableBits);
                break;
            case < 6:
                WriteControl(With(_control, offset - 4, value));
                break;
            case 12 or 13:
                _gpeStatus &= (ushort)~(value << (8 * (offset - 12)));
                break;
            case 14 or 15:
                _gpeEnable = With(_gpeEnable, offset - 14, value);
                break;
            default:
                // Reserved ports and the timer.
                break;
        }
    }

    private void WriteControl(ushort value)
    {
        _control = (ushort)(value & ControlKept);
        if ((value & ControlSleepEnable) != 0 && ((value >> 10) & 7) == SoftOffSleepType)
        {
            _power.RequestPowerOff();
        }
    }

    /// <summary>Sets the timer's status if its top bit changed, drives the SCI, and plans the next look.</summary>
    private void Settle()
    {
        var halfRange = 1L << (_timerBits - 1);
        var carries = s_oscillator.TicksAt(_clock.NowNs) / halfRange;
        _status |= carries != _settledCarries ? TimerStatus : (ushort)0;
        _settledCarries = carries;
        _sci.SetLevel((_status & _enable) != 0 || (_gpeStatus & _gpeEnable) != 0);

        var waits = (_enable & ~_status & TimerStatus) != 0;
        _timer.Rearm(waits ? s_oscillator.NsAt((carries + 1) * halfRange) : long.MaxValue);
    }
}
