namespace Vivarium.Network;

/// <summary>Tokens that come at a rate and are kept up to a burst. Not thread-safe.</summary>
internal struct TokenBucket
{
    private readonly double _perNs;
    private readonly double _burst;
    private double _tokens;
    private long _lastNs;

    /// <param name="perSecond">Tokens a second; 0 for as many as anybody wants.</param>
    /// <param name="burst">Most that are kept.</param>
    /// <param name="nowNs">The time from which it counts; the bucket is full then.</param>
    public TokenBucket(long perSecond, long burst, long nowNs)
    {
        _perNs = perSecond / 1e9;
        _burst = burst;
        _tokens = burst;
        _lastNs = nowNs;
    }

    /// <summary>
    /// Whether <paramref name="cost"/> tokens can be taken; a cost beyond the burst waits for a full bucket and leaves a debt, so that it goes through at all.
    /// </summary>
    public bool CanTake(long cost, long nowNs)
    {
        if (_perNs == 0)
        {
            return true;
        }

        if (nowNs > _lastNs)
        {
            _tokens = Math.Min(_burst, _tokens + ((nowNs - _lastNs) * _perNs));
            _lastNs = nowNs;
        }

        return _tokens >= Math.Min(cost, _burst);
    }

    /// <summary>Takes tokens after <see cref="CanTake"/>.</summary>
    public void Take(long cost) => _tokens -= cost;

    /// <summary>How long until <see cref="CanTake"/> is true, if it is not.</summary>
    public readonly long WaitNs(long cost) => _perNs == 0 ? 0 : (long)Math.Ceiling(Math.Max(0, Math.Min(cost, _burst) - _tokens) / _perNs);
}
