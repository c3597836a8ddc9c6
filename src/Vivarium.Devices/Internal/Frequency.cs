namespace Vivarium.Devices;

/// <summary>Converts guest nanoseconds to the ticks of an oscillator and back, exactly: no rounding error builds up.</summary>
internal readonly struct Frequency(long hertz)
{
    private const long NsPerSecond = 1_000_000_000;

    /// <summary>Whole ticks since time 0. Both factors of the remainder stay below 2^63 for any frequency up to 9 GHz.</summary>
    public long TicksAt(long ns) => ns / NsPerSecond * hertz + ns % NsPerSecond * hertz / NsPerSecond;

    /// <summary>
    /// The first nanosecond at which <see cref="TicksAt"/> reaches <paramref name="ticks"/>; <see cref="long.MaxValue"/> if it never does.
    /// </summary>
    public long NsAt(long ticks)
    {
        var seconds = ticks / hertz;
        return seconds >= long.MaxValue / NsPerSecond
            ? long.MaxValue
            : seconds * NsPerSecond + (ticks % hertz * NsPerSecond + hertz - 1) / hertz;
    }
}
