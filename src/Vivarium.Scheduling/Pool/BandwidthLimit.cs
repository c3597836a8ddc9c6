namespace Vivarium.Scheduling;

/// <summary>
/// What a machine may use (cap) and is promised (reservation) in each period of 100 ms. Use beyond the cap, as slices end late, is a debt
/// against the next periods. A pure data structure.
/// </summary>
internal sealed class BandwidthLimit
{
    /// <summary>The period.</summary>
    public const long PeriodNs = 100_000_000;

    private long _periodEndNs = long.MinValue;
    private long _usedNs;
    private long _capNs = long.MaxValue;
    private long _reservationNs;

    /// <summary>When the cap allows more, if <see cref="IsExhausted"/>.</summary>
    public long PeriodEndNs => _periodEndNs;

    /// <summary>Whether the cap forbids to run until the period ends.</summary>
    public bool IsExhausted => _usedNs >= _capNs;

    /// <summary>Whether the machine has had less than what it is promised.</summary>
    public bool IsBelowReservation => _usedNs < _reservationNs;

    /// <summary>How long it may run before the cap forbids it.</summary>
    public long RemainingNs => Math.Max(0, _capNs - _usedNs);

    /// <summary>Sets both limits, in nanoseconds of processor time a period.</summary>
    public void Set(VmShare share)
    {
        _capNs = share.CapMilliCores is { } cap ? cap * (PeriodNs / 1000) : long.MaxValue;
        _reservationNs = share.ReservationMilliCores * (PeriodNs / 1000);
    }

    /// <summary>Begins a new period if the last is over. Debt is paid off by each period that passed; nothing is saved up.</summary>
    public void Advance(long nowNs)
    {
        if (nowNs >= _periodEndNs)
        {
            var periods = _periodEndNs == long.MinValue ? 1 : ((nowNs - _periodEndNs) / PeriodNs) + 1;
            _periodEndNs = _periodEndNs == long.MinValue ? nowNs + PeriodNs : _periodEndNs + (periods * PeriodNs);
            _usedNs = _capNs == long.MaxValue ? 0 : Math.Max(0, _usedNs - (long)Int128.Min((Int128)_capNs * periods, long.MaxValue));
        }
    }

    /// <summary>Adds processor time that was used.</summary>
    public void Charge(long ranNs) => _usedNs += ranNs;
}
