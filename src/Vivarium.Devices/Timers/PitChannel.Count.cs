namespace Vivarium.Devices;

internal sealed partial class PitChannel
{
    /// <summary>The OUT pin at a tick.</summary>
    public bool OutputAt(long tick)
    {
        Settle(tick);
        var elapsed = Elapsed(tick);
        return _mode switch
        {
            0 => _loaded && elapsed >= _period,
            1 => !_loaded || elapsed >= _period,
            2 => !_loaded || !_gate || _period == 1 || elapsed % _period != _period - 1,
            3 => !_loaded || !_gate || elapsed % _period < HighHalf,
            _ => !_loaded || elapsed != _period,
        };
    }

    /// <summary>
    /// The first tick after <paramref name="tick"/> at which OUT rises; <see cref="long.MaxValue"/> if it will not by itself.
    /// </summary>
    public long NextRise(long tick)
    {
        Settle(tick);
        if (!_loaded || (!_gate && !IsGateTriggered))
        {
            return long.MaxValue;
        }

        // A rate generator with a count of 1, which the data sheet forbids, never moves its output.
        var rise = _mode switch
        {
            0 or 1 => _start + _period,
            2 or 3 => _period == 1 ? long.MaxValue : tick < _start ? _start + _period : NextPeriod(tick),
            _ => _start + _period + 1,
        };
        return rise > tick ? rise : long.MaxValue;
    }

    private int HighHalf => (_period + 1) / 2;

    private static int FromBcd(int value) =>
        (value & 0xF) + 10 * ((value >> 4) & 0xF) + 100 * ((value >> 8) & 0xF) + 1000 * ((value >> 12) & 0xF);

    private static int ToBcd(int value) =>
        (value % 10) | (value / 10 % 10 << 4) | (value / 100 % 10 << 8) | (value / 1000 % 10 << 12);

    private long NextPeriod(long tick) => _start + ((tick - _start) / _period + 1) * _period;

    /// <summary>Clocks counted so far. A low gate stops the count, except in the modes that it triggers.</summary>
    private long Elapsed(long tick) => _gate || IsGateTriggered ? Math.Max(0, tick - _start) : _pausedElapsed;

    /// <summary>The counting element, as a read would return it.</summary>
    private ushort CountAt(long tick)
    {
        Settle(tick);
        var elapsed = Elapsed(tick);
        var count = _mode switch
        {
            2 => _period - elapsed % _period,
            3 => (_period & ~1) - 2 * (elapsed % _period % HighHalf),
            _ => _period - elapsed,
        };
        var wrapped = (int)(((count % Modulus) + Modulus) % Modulus);
        return (ushort)(_bcd ? ToBcd(wrapped) : wrapped);
    }
}
