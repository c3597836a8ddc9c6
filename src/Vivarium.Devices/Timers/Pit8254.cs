namespace Vivarium.Devices;

/// <summary>
/// The 8254 interval timer of a PC at ports 0x40 to 0x43 (Intel 8254 data sheet, 1993): three channels, all six modes. Channel 0 drives
/// IRQ 0, channel 2 the speaker, whose gate and output are in port 0x61. Gates 0 and 1 are tied high. Everything derives from the
/// machine's clock. A periodic channel 0 interrupts at most 40,000 times a second. All members are called with the device lock held.
/// </summary>
public sealed partial class Pit8254 : IPortDevice, IStateUnit
{
    /// <summary>The oscillator's frequency.</summary>
    public const long FrequencyHz = 1_193_182;

    private const long MinimumPeriodNs = 25_000;
    private const long RefreshHalfPeriodNs = 15_085;
    private const byte PortBGate = 0x01;
    private const byte PortBSpeaker = 0x02;
    private const byte PortBWritable = 0x0F;

    private static readonly Frequency s_oscillator = new(FrequencyHz);

    private readonly PitChannel[] _channels = [new(), new(), new()];
    private readonly IrqLine _irq;
    private readonly IVmClock _clock;
    private readonly IVmTimer _timer;
    private byte _portB;
    private long _riseNs;

    /// <summary>Creates the timer in its power-on state.</summary>
    /// <param name="irq">IRQ 0, which follows the output of channel 0.</param>
    /// <param name="clock">The machine's clock.</param>
    public Pit8254(IrqLine irq, IVmClock clock)
    {
        _irq = irq;
        _clock = clock;
        _timer = clock.CreateTimer(OnTimer);
        PortB = new BytePorts(1, _ => ReadPortB(), (_, value) => WritePortB(value));
        Reset();
    }

    /// <summary>
    /// Port 0x61: gate of channel 2 (bit 0), speaker (1), NMI enables (2, 3), refresh toggle (4), output of channel 2 (5).
    /// </summary>
    public IPortDevice PortB { get; }

    /// <summary>Whether channel 2 sounds on the speaker now.</summary>
    public bool IsSpeakerOn => (_portB & (PortBGate | PortBSpeaker)) == (PortBGate | PortBSpeaker);

    private long Tick => s_oscillator.TicksAt(_clock.NowNs);

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        // The control word cannot be read: the bus floats.
        value = 0xFF;
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        if (offset > 3)
        {
            return IoResult.NoRegister;
        }

        if (offset < 3)
        {
            value = _channels[offset].ReadCount(Tick);
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

        if (offset > 3)
        {
            return IoResult.NoRegister;
        }

        // One look at the clock for all of it: a host that is held up between two looks must not pass over an edge.
        var nowNs = _clock.NowNs;
        var tick = s_oscillator.TicksAt(nowNs);
        CatchUp(nowNs);
        if (offset == 3)
        {
            WriteControl((byte)value, tick);
        }
        else
        {
            _channels[offset].WriteCount((byte)value, tick);
        }

        if (offset is 0 or 3)
        {
            Schedule(tick, earliestNs: 0);
        }

        return IoResult.Ok;
    }

    private void WriteControl(byte value, long tick)
    {
        var channel = value >> 6;
        if (channel < 3)
        {
            _channels[channel].WriteControl(value, tick);
            return;
        }

        // Read-back: bits 1 to 3 choose channels, a clear bit 5 latches the count and a clear bit 4 the status.
        for (var i = 0; i < 3; i++)
        {
            if ((value & (2 << i)) != 0)
            {
                if ((value & 0x20) == 0)
                {
                    _channels[i].LatchCount(tick);
                }

                if ((value & 0x10) == 0)
                {
                    _channels[i].LatchStatus(tick);
                }
            }
        }
    }

    private byte ReadPortB()
    {
        var refresh = (_clock.NowNs / RefreshHalfPeriodNs & 1) != 0 ? 0x10 : 0;
        var output = _channels[2].OutputAt(Tick) ? 0x20 : 0;
        return (byte)(_portB | refresh | output);
    }

    private void WritePortB(byte value)
    {
        _portB = (byte)(value & PortBWritable);
        _channels[2].SetGate((value & PortBGate) != 0, Tick);
    }

    private void OnTimer()
    {
        var nowNs = _clock.NowNs;
        if (CatchUp(nowNs))
        {
            Schedule(s_oscillator.TicksAt(nowNs), nowNs + MinimumPeriodNs);
        }
    }

    /// <summary>
    /// Makes the edge whose time has come. The low phase before it is never scheduled, because nothing listens to a falling edge.
    /// </summary>
    private bool CatchUp(long nowNs)
    {
        if (_riseNs > nowNs)
        {
            return false;
        }

        _riseNs = long.MaxValue;
        _irq.SetLevel(false);
        _irq.SetLevel(true);
        return true;
    }

    /// <summary>Plans the first edge after a tick, which may have passed already: then it is made at once.</summary>
    private void Schedule(long tick, long earliestNs)
    {
        var rise = _channels[0].NextRise(tick);
        _irq.SetLevel(_channels[0].OutputAt(tick));
        _riseNs = rise == long.MaxValue ? long.MaxValue : Math.Max(s_oscillator.NsAt(rise), earliestNs);
        _timer.Rearm(_riseNs);
    }
}
