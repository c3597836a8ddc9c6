using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>
/// A high precision event timer block (IA-PC HPET specification 1.0a) of three comparators behind 1 KiB at 0xFED00000, at 100 MHz. It
/// offers no legacy replacement: the 8254 and the RTC keep their interrupts. Comparators interrupt on pins 16 to 23 or by message, at most
/// 40,000 times a second each. All members are called with the device lock held.
/// </summary>
public sealed partial class Hpet : IMmioDevice, IStateUnit
{
    /// <summary>Where a PC has it.</summary>
    public const ulong DefaultAddress = 0xFED0_0000;

    /// <summary>Bytes of address space it takes.</summary>
    public const ulong RegionSizeBytes = 0x400;

    /// <summary>The first pin its comparators can drive.</summary>
    public const int FirstPin = 16;

    /// <summary>How many pins its comparators can drive.</summary>
    public const int PinCount = 8;

    private const int TimerCount = 3;
    private const long TickNs = 10;
    private const long MinimumPeriodNs = 25_000;
    private const ulong Enable = 1;

    /// <summary>Revision 1, three comparators, 64 bits, vendor 0x8086, a period of 10,000,000 fs.</summary>
    private const ulong Identification = (10_000_000UL << 32) | 0x8086_2201;

    private const ulong IdentificationOffset = 0x000;
    private const ulong ConfigurationOffset = 0x010;
    private const ulong StatusOffset = 0x020;
    private const ulong CounterOffset = 0x0F0;
    private const ulong FirstTimerOffset = 0x100;

    private readonly IReadOnlyList<IrqLine> _lines;
    private readonly IVmClock _clock;
    private readonly IMsiTarget _messages;
    private readonly HpetTimer[] _timers = new HpetTimer[TimerCount];
    private bool _enabled;
    private uint _status;

    /// <summary>The counter while it stands, or what it is ahead of the clock's ticks while it runs.</summary>
    private ulong _base;

    /// <summary>Creates the block in its power-on state: halted.</summary>
    /// <param name="lines">Eight lines: GSIs 16 to 23.</param>
    /// <param name="clock">The machine's clock.</param>
    /// <param name="messages">Takes the comparators' messages.</param>
    public Hpet(IReadOnlyList<IrqLine> lines, IVmClock clock, IMsiTarget messages)
    {
        ArgumentNullException.ThrowIfNull(lines);
        ArgumentOutOfRangeException.ThrowIfNotEqual(lines.Count, PinCount);
        _lines = lines;
        _clock = clock;
        _messages = messages;
        for (var i = 0; i < TimerCount; i++)
        {
            var index = i;
            _timers[i] = new HpetTimer(clock.CreateTimer(() => OnMatch(index)));
        }

        Reset();
    }

    private ulong ClockTicks => (ulong)(_clock.NowNs / TickNs);

    private ulong Counter => _enabled ? unchecked(_base + ClockTicks) : _base;

    /// <summary>The table that tells an operating system of the block, for <see cref="AcpiConfiguration.AdditionalTables"/>.</summary>
    public static byte[] CreateAcpiTable()
    {
        var body = new byte[20];
        BinaryPrimitives.WriteUInt32LittleEndian(body, unchecked((uint)Identification));
        body[5] = 64;
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(8), DefaultAddress);
        BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(17), (ushort)(MinimumPeriodNs / TickNs));
        return AcpiTables.CreateTable("HPET", 1, body);
    }

    /// <inheritdoc/>
    public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        var result = Check(offset, sizeBytes);
        if (result == IoResult.Ok)
        {
            value = Read(offset & ~7UL) >> (8 * (int)(offset & 4));
        }

        return result;
    }

    /// <inheritdoc/>
    public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value)
    {
        var result = Check(offset, sizeBytes);
        if (result == IoResult.Ok)
        {
            var shift = 8 * (int)(offset & 4);
            var mask = sizeBytes == 8 ? ulong.MaxValue : (ulong)uint.MaxValue << shift;
            Write(offset & ~7UL, value << shift, mask);
        }

        return result;
    }

    /// <summary>Registers are 64 bits and can be accessed whole or by halves.</summary>
    private static IoResult Check(ulong offset, int sizeBytes) =>
        sizeBytes < 4 || offset % (ulong)sizeBytes != 0 ? IoResult.BadSize : offset < RegionSizeBytes ? IoResult.Ok : IoResult.NoRegister;

    private ulong Read(ulong offset)
    {
        switch (offset)
        {
            case IdentificationOffset:
                return Identification;
            case ConfigurationOffset:
                return _enabled ? Enable : 0;
            case StatusOffset:
                return _status;
            case CounterOffset:
                return Counter;
            case >= FirstTimerOffset and < FirstTimerOffset + 0x20 * TimerCount:
                var timer = _timers[(offset - FirstTimerOffset) / 0x20];
                return (offset & 0x18) switch
                {
                    0x00 => timer.Configuration | HpetTimer.Capabilities,
                    0x08 => timer.Comparator,
                    0x10 => timer.Message,
                    _ => 0,
                };
            default:
                return 0;
        }
    }

    private void Write(ulong offset, ulong value, ulong mask)
    {
        switch (offset)
        {
            case ConfigurationOffset when (mask & Enable) != 0:
                SetEnabled((value & Enable) != 0);
                break;
            case StatusOffset:
                _status &= ~(uint)value;
                UpdateLines();
                break;
            case CounterOffset:
                // The specification allows this while halted only; it is defined here in both cases.
                var counter = (Counter & ~mask) | (value & mask);
                _base = _enabled ? unchecked(counter - ClockTicks) : counter;
                ScheduleAll();
                break;
            case >= FirstTimerOffset and < FirstTimerOffset + 0x20 * TimerCount:
                WriteTimer((int)(offset - FirstTimerOffset) / 0x20, offset & 0x18, value, mask);
                break;
            default:
                // Identification and reserved registers.
                break;
        }
    }

    private void WriteTimer(int index, ulong register, ulong value, ulong mask)
    {
        var timer = _timers[index];
        switch (register)
        {
            case 0x00:
                timer.Configuration = ((timer.Configuration & ~mask) | (value & mask)) & HpetTimer.Writable;
                _status &= timer.Has(HpetTimer.LevelTriggered) ? uint.MaxValue : ~(1u << index);
                UpdateLines();
                break;
            case 0x08:
                // A periodic comparator takes its period here; with VAL_SET also its next value, once.
                if (!timer.Has(HpetTimer.Periodic) || timer.Has(HpetTimer.SetAccumulator))
                {
                    timer.Comparator = ((timer.Comparator & ~mask) | (value & mask)) & timer.Mask;
                    timer.Configuration &= ~HpetTimer.SetAccumulator;
                }

                if (timer.Has(HpetTimer.Periodic))
                {
                    timer.Period = (timer.Period & ~mask) | (value & mask);
                }

                break;
            case 0x10:
                timer.Message = (timer.Message & ~mask) | (value & mask);
                break;
            default:
                return;
        }

        Schedule(timer, earliestNs: 0);
    }

    private void SetEnabled(bool enabled)
    {
        var counter = Counter;
        _enabled = enabled;
        _base = enabled ? unchecked(counter - ClockTicks) : counter;
        ScheduleAll();
    }

    private void OnMatch(int index)
    {
        var timer = _timers[index];
        if (!_enabled || timer.HostTimer.DeadlineNs != long.MaxValue)
        {
            // The guest halted it, or armed it anew, while this call was on its way.
            return;
        }

        timer.Advance(Counter);
        if (timer.Has(HpetTimer.LevelTriggered))
        {
            _status |= 1u << index;
        }

        Interrupt(timer);
        UpdateLines();
        Schedule(timer, _clock.NowNs + MinimumPeriodNs);
    }

    /// <summary>Sends a message or makes an edge. Levels follow the status register.</summary>
    private void Interrupt(HpetTimer timer)
    {
        if (!timer.Has(HpetTimer.InterruptEnable))
        {
            return;
        }

        if (timer.Has(HpetTimer.MessageEnable))
        {
            _messages.SendMsi(timer.Message >> 32, (uint)timer.Message);
        }
        else if (!timer.Has(HpetTimer.LevelTriggered) && timer.Route - FirstPin is >= 0 and < PinCount and var line)
        {
            _lines[line].Pulse();
        }
    }

    private void UpdateLines()
    {
        Span<bool> levels = stackalloc bool[PinCount];
        for (var i = 0; i < TimerCount; i++)
        {
            var timer = _timers[i];
            if ((_status & (1u << i)) != 0 && timer.Has(HpetTimer.InterruptEnable) && !timer.Has(HpetTimer.MessageEnable)
                && timer.Route - FirstPin is >= 0 and < PinCount and var line)
            {
                levels[line] = true;
            }
        }

        for (var i = 0; i < PinCount; i++)
        {
            _lines[i].SetLevel(levels[i]);
        }
    }

    private void ScheduleAll()
    {
        foreach (var timer in _timers)
        {
            Schedule(timer, earliestNs: 0);
        }
    }

    /// <summary>Arms for the next match. Without the enable bit a match still sets the status, if it is to be kept.</summary>
    private void Schedule(HpetTimer timer, long earliestNs)
    {
        var ticks = timer.TicksUntilMatch(Counter);
        var canMatch = _enabled && ticks != 0 && ticks < long.MaxValue / TickNs / 2
            && (timer.Has(HpetTimer.InterruptEnable) || timer.Has(HpetTimer.LevelTriggered));
        timer.HostTimer.Rearm(canMatch ? Math.Max(_clock.NowNs / TickNs * TickNs + (long)ticks * TickNs, earliestNs) : long.MaxValue);
    }
}
