namespace Vivarium.Devices;

/// <summary>
/// The MC146818 real-time clock with 128 bytes of CMOS at ports 0x70 and 0x71 (Motorola MC146818A data sheet). The time is the clock's
/// wall-clock base plus guest time, plus what the guest set it off by. Nothing ticks: flags are computed when they are looked at, and a
/// timer runs only while an interrupt is enabled. All members are called with the device lock held.
/// </summary>
public sealed partial class RtcMc146818 : IPortDevice, IStateUnit
{
    private readonly byte[] _cmos = new byte[128];
    private readonly IrqLine _irq;
    private readonly IVmClock _clock;
    private readonly IVmTimer _timer;
    private byte _index;
    private long _offsetNs;

    /// <summary>How far the flags of register C are computed: the second of the calendar, and the periodic tick.</summary>
    private long _settledSecond;
    private long _settledPeriod;

    /// <summary>Creates the clock, showing the machine's wall-clock time in BCD and 24 hours.</summary>
    /// <param name="irq">IRQ 8.</param>
    /// <param name="clock">The machine's clock.</param>
    public RtcMc146818(IrqLine irq, IVmClock clock)
    {
        _irq = irq;
        _clock = clock;
        _timer = clock.CreateTimer(Settle);
        _cmos[RtcRegister.A] = 0x26;
        _cmos[RtcRegister.B] = RtcBits.Hour24;
        Reset();
    }

    /// <summary>Bit 7 of port 0x70: the guest masks NMI.</summary>
    public bool IsNmiMasked { get; private set; }

    private bool IsFrozen => (_cmos[RtcRegister.B] & RtcBits.Set) != 0 || IsDividerReset;

    private bool IsDividerReset => (_cmos[RtcRegister.A] & RtcBits.DividerReset) == RtcBits.DividerReset;

    private RtcFormat Format => new((_cmos[RtcRegister.B] & RtcBits.Binary) != 0, (_cmos[RtcRegister.B] & RtcBits.Hour24) != 0);

    /// <summary>The calendar's time now, in nanoseconds since the Unix epoch.</summary>
    private long CalendarNs => _clock.WallClockBaseNs + _clock.NowNs + _offsetNs;

    /// <summary>Reads a byte of CMOS as firmware set-up does; the time registers are not meant to be read so.</summary>
    public byte GetCmos(int index) => _cmos[Checked(index)];

    /// <summary>Writes a byte of CMOS RAM, from 14 to 127, as firmware set-up does.</summary>
    public void SetCmos(int index, byte value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(index, RtcRegister.D + 1);
        _cmos[Checked(index)] = value;
    }

    /// <summary>Writes the memory sizes where firmware looks for them, as QEMU does.</summary>
    /// <param name="belowBytes">RAM below 4 GiB.</param>
    /// <param name="aboveBytes">RAM above 4 GiB.</param>
    public void SetMemorySize(ulong belowBytes, ulong aboveBytes)
    {
        var extendedKib = Math.Min(0xFFFF, belowBytes > 1 << 20 ? (belowBytes - (1 << 20)) >> 10 : 0);
        var chunks = Math.Min(0xFFFF, belowBytes > 16 << 20 ? (belowBytes - (16 << 20)) >> 16 : 0);
        SetWord(0x15, Math.Min(640, belowBytes >> 10));
        SetWord(0x17, extendedKib);
        SetWord(0x30, extendedKib);
        SetWord(0x34, chunks);
        SetWord(0x5B, aboveBytes >> 16);
        _cmos[0x5D] = (byte)(aboveBytes >> 32);

        void SetWord(int index, ulong value)
        {
            _cmos[index] = (byte)value;
            _cmos[index + 1] = (byte)(value >> 8);
        }
    }

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        // The index cannot be read back: the bus floats.
        value = 0xFF;
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        if (offset > 1)
        {
            return IoResult.NoRegister;
        }

        if (offset == 1)
        {
            value = ReadRegister(_index);
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

        if (offset > 1)
        {
            return IoResult.NoRegister;
        }

        if (offset == 1)
        {
            WriteRegister(_index, (byte)value);
        }
        else
        {
            _index = (byte)(value & 0x7F);
            IsNmiMasked = (value & 0x80) != 0;
        }

        return IoResult.Ok;
    }

    private static int Checked(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, 127);
        return index;
    }

    private byte ReadRegister(int index)
    {
        switch (index)
        {
            case RtcRegister.A:
                return (byte)(_cmos[RtcRegister.A] | (IsUpdateInProgress() ? RtcBits.UpdateInProgress : 0));
            case RtcRegister.C:
                Settle();
                var flags = _cmos[RtcRegister.C];
                _cmos[RtcRegister.C] = 0;
                Settle();
                return flags;
            case RtcRegister.D:
                return RtcBits.ValidRam;
            default:
                if (RtcRegister.IsCalendar(index) && !IsFrozen)
                {
                    ShowCalendar();
                }

                return _cmos[index];
        }
    }

    private void WriteRegister(int index, byte value)
    {
        Settle();
        switch (index)
        {
            case RtcRegister.A:
                WriteA(value);
                break;
            case RtcRegister.B:
                WriteB(value);
                break;
            case RtcRegister.C or RtcRegister.D:
                return;
            default:
                if (RtcRegister.IsCalendar(index) && !IsFrozen)
                {
                    ShowCalendar();
                    _cmos[index] = value;
                    SetCalendar(Format, CalendarNs % RtcCalendar.NsPerSecond);
                }
                else
                {
                    _cmos[index] = value;
                }

                break;
        }

        Resettle();
    }

    private void WriteA(byte value)
    {
        var wasFrozen = IsFrozen;
        var wasReset = IsDividerReset;
        if (!wasFrozen)
        {
            ShowCalendar();
        }

        _cmos[RtcRegister.A] = (byte)(value & ~RtcBits.UpdateInProgress);
        if (wasReset && !IsFrozen)
        {
            // The first update comes half a second after the divider is let go.
            SetCalendar(Format, RtcCalendar.NsPerSecond / 2);
        }
    }

    private void WriteB(byte value)
    {
        // The registers are read in the format in which the guest wrote them, even if this write changes it.
        var wasFrozen = IsFrozen;
        var format = Format;
        if (!wasFrozen)
        {
            ShowCalendar();
        }

        // SET ends an update and disables its interrupt.
        _cmos[RtcRegister.B] = (byte)((value & RtcBits.Set) != 0 ? value & ~RtcBits.UpdateInterrupt : value);
        if (wasFrozen && !IsFrozen)
        {
            SetCalendar(format, CalendarNs % RtcCalendar.NsPerSecond);
        }

        // Guests that switch to binary seldom know of the century, which the chip itself does not have: keep its meaning.
        _cmos[RtcRegister.Century] = Format.Encode(format.Decode(_cmos[RtcRegister.Century]) % 100);
    }

    /// <summary>Puts the time into the registers, in the format of register B.</summary>
    private void ShowCalendar() => RtcCalendar.Show(CalendarNs / RtcCalendar.NsPerSecond, Format, _cmos);

    /// <summary>Makes the registers the time from now on.</summary>
    private void SetCalendar(RtcFormat format, long fractionNs)
    {
        var seconds = RtcCalendar.Parse(format, _cmos);
        _offsetNs = seconds * RtcCalendar.NsPerSecond + fractionNs - _clock.WallClockBaseNs - _clock.NowNs;
    }
}
