namespace Vivarium.Devices;

/// <summary>One comparator of an <see cref="Hpet"/>.</summary>
internal sealed class HpetTimer(IVmTimer hostTimer)
{
    public const ulong LevelTriggered = 1 << 1;
    public const ulong InterruptEnable = 1 << 2;
    public const ulong Periodic = 1 << 3;
    public const ulong SetAccumulator = 1 << 6;
    public const ulong Mode32Bits = 1 << 8;
    public const ulong MessageEnable = 1 << 14;

    /// <summary>Type, enable, period, accumulator, 32 bits, route, messages.</summary>
    public const ulong Writable = 0x7F4E;

    /// <summary>Periodic, 64 bits, messages, and the pins 16 to 23.</summary>
    public const ulong Capabilities = 0x00FF_0000_0000_8030;

    public IVmTimer HostTimer => hostTimer;

    public ulong Configuration { get; set; }

    public ulong Comparator { get; set; }

    public ulong Period { get; set; }

    /// <summary>The message: its data in the low half, its address in the high half.</summary>
    public ulong Message { get; set; }

    /// <summary>The pin chosen, 0 to 31; only 16 to 23 lead anywhere.</summary>
    public int Route => (int)(Configuration >> 9) & 0x1F;

    public ulong Mask => Has(Mode32Bits) ? uint.MaxValue : ulong.MaxValue;

    public bool Has(ulong bit) => (Configuration & bit) != 0;

    /// <summary>Ticks until the counter equals the comparator; a whole turn if it does now, 0 standing for a turn of 64 bits.</summary>
    public ulong TicksUntilMatch(ulong counter)
    {
        var ticks = unchecked(Comparator - counter) & Mask;
        return ticks == 0 && Has(Mode32Bits) ? 1UL << 32 : ticks;
    }

    /// <summary>Moves a periodic comparator past the counter, over periods that were missed.</summary>
    public void Advance(ulong counter)
    {
        if (Has(Periodic) && (Period & Mask) != 0)
        {
            var period = Period & Mask;
            var late = unchecked(counter - Comparator) & Mask;
            Comparator = unchecked(Comparator + (late / period + 1) * period) & Mask;
        }
    }
}
