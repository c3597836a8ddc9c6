namespace Vivarium.Devices;

/// <summary>
/// One counter of an 8254 (Intel 8254 data sheet, 1993). Nothing counts: the output and the count are functions of the tick number, of
/// when the count was loaded, and of the gate. Ticks are those of the 1.193182 MHz oscillator since guest time 0.
/// </summary>
internal sealed partial class PitChannel
{
    private const int AccessLow = 1;
    private const int AccessHigh = 2;
    private const int AccessBoth = 3;

    private int _mode;
    private int _access = AccessBoth;
    private bool _bcd;
    private bool _gate;

    /// <summary>A count was written since the control word.</summary>
    private bool _written;

    /// <summary>The counting element was loaded: by the write, or in modes 1 and 5 by the gate.</summary>
    private bool _loaded;

    /// <summary>The count register and the period in force, 1 to 65,536 (10,000 in BCD).</summary>
    private int _reload;
    private int _period;

    /// <summary>
    /// The tick at which the counting element held <see cref="_period"/>; with the gate low, what it was when the gate fell.
    /// </summary>
    private long _start;
    private long _pausedElapsed;

    /// <summary>In modes 2 and 3 a new count waits for the end of the running period.</summary>
    private bool _reloadPending;
    private long _reloadTick;

    private byte _writeLatch;
    private bool _writeHighNext;
    private bool _readHighNext;
    private bool _statusLatched;
    private byte _latchedStatus;
    private int _latchedBytes;
    private ushort _latchedCount;

    public bool Gate => _gate;

    private bool IsPeriodic => _mode is 2 or 3;

    private bool IsGateTriggered => _mode is 1 or 5;

    private int Modulus => _bcd ? 10_000 : 65_536;

    /// <summary>Back to power-on: mode 3 over the whole range, not yet counting.</summary>
    public void Reset(bool gate)
    {
        _gate = gate;
        WriteControl(0x36, 0);
        _reload = _period = Modulus;
        _start = 0;
        _pausedElapsed = 0;
    }

    /// <summary>Takes a control word; its two high bits, the channel, do not matter here.</summary>
    public void WriteControl(byte control, long tick)
    {
        if ((control & 0x30) == 0)
        {
            LatchCount(tick);
            return;
        }

        // Modes 6 and 7 are 2 and 3.
        var mode = (control >> 1) & 7;
        _mode = mode > 5 ? mode - 4 : mode;
        _access = (control >> 4) & 3;
        _bcd = (control & 1) != 0;
        _written = false;
        _loaded = false;
        _reloadPending = false;
        _writeHighNext = false;
        _readHighNext = false;
        _statusLatched = false;
        _latchedBytes = 0;
        _reload = _period = Modulus;
        _start = tick;
        _pausedElapsed = 0;
    }

    public void WriteCount(byte value, long tick)
    {
        switch (_access)
        {
            case AccessLow:
                Load(value, tick);
                break;
            case AccessHigh:
                Load(value << 8, tick);
                break;
            default:
                if (_writeHighNext)
                {
                    Load(_writeLatch | (value << 8), tick);
                }
                else
                {
                    _writeLatch = value;

                    // In mode 0 the first byte stops the count and the output goes low.
                    _loaded &= _mode != 0;
                }

                _writeHighNext = !_writeHighNext;
                break;
        }
    }

    public byte ReadCount(long tick)
    {
        if (_statusLatched)
        {
            _statusLatched = false;
            return _latchedStatus;
        }

        var count = _latchedBytes > 0 ? _latchedCount : CountAt(tick);
        var high = _access == AccessHigh || (_access == AccessBoth && _readHighNext);
        _readHighNext = _access == AccessBoth && !_readHighNext;
        _latchedBytes = Math.Max(0, _latchedBytes - 1);
        return (byte)(high ? count >> 8 : count);
    }

    /// <summary>Freezes the count until it is read; a second latch before that does nothing.</summary>
    public void LatchCount(long tick)
    {
        if (_latchedBytes == 0)
        {
            _latchedCount = CountAt(tick);
            _latchedBytes = _access == AccessBoth ? 2 : 1;
            _readHighNext = false;
        }
    }

    /// <summary>Freezes the status until it is read; a second latch before that does nothing.</summary>
    public void LatchStatus(long tick)
    {
        if (!_statusLatched)
        {
            var isNull = !_loaded || tick < _start || _reloadPending;
            _latchedStatus = (byte)((OutputAt(tick) ? 0x80 : 0) | (isNull ? 0x40 : 0) | (_access << 4) | (_mode << 1) | (_bcd ? 1 : 0));
            _statusLatched = true;
        }
    }

    public void SetGate(bool gate, long tick)
    {
        if (gate == _gate)
        {
            return;
        }

        Settle(tick);
        if (!gate)
        {
            _pausedElapsed = Elapsed(tick);
        }

        _gate = gate;
        if (!gate)
        {
            return;
        }

        if (_mode is 0 or 4)
        {
            _start = tick - _pausedElapsed;
        }
        else if (_written)
        {
            // The rising edge reloads the counter and, in modes 1 and 5, triggers it.
            _period = _reload;
            _reloadPending = false;
            _loaded = true;
            _start = tick + 1;
        }
    }

    /// <summary>Brings a waiting count into force if its period has begun. Every question about a tick comes after this.</summary>
    public void Settle(long tick)
    {
        if (_reloadPending && tick >= _reloadTick)
        {
            _start = _reloadTick;
            _period = _reload;
            _reloadPending = false;
        }
    }

    private void Load(int count, long tick)
    {
        Settle(tick);
        // Digits beyond 9, which the data sheet leaves open, carry into the next.
        _reload = _bcd ? FromBcd(count) % Modulus : count;
        _reload = _reload == 0 ? Modulus : _reload;
        _written = true;
        if (IsGateTriggered)
        {
            return;
        }

        if (IsPeriodic && _loaded && _gate && tick >= _start)
        {
            _reloadTick = NextPeriod(tick);
            _reloadPending = true;
            return;
        }

        // The count moves into the counting element with the next clock.
        _period = _reload;
        _loaded = true;
        _start = tick + 1;
        _pausedElapsed = 0;
    }
}
