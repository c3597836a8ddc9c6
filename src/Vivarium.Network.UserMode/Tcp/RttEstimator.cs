namespace Vivarium.Network.UserMode;

/// <summary>How long to wait for an acknowledgement (RFC 6298). Not thread-safe.</summary>
internal struct RttEstimator
{
    private const long InitialNs = 1_000_000_000;
    private const long LeastNs = 200_000_000;
    private const long MostNs = 60_000_000_000;

    private long _smoothedNs;
    private long _variationNs;
    private int _backoff;

    /// <summary>The timeout, doubled for each time it has run out in a row.</summary>
    public readonly long TimeoutNs
    {
        get
        {
            var plain = _smoothedNs == 0 ? InitialNs : Math.Max(LeastNs, _smoothedNs + (4 * _variationNs));
            return Math.Min(MostNs, plain << Math.Min(_backoff, 10));
        }
    }

    public void Add(long sampleNs)
    {
        sampleNs = Math.Max(1, sampleNs);
        if (_smoothedNs == 0)
        {
            _smoothedNs = sampleNs;
            _variationNs = sampleNs / 2;
        }
        else
        {
            _variationNs += (Math.Abs(_smoothedNs - sampleNs) - _variationNs) / 4;
            _smoothedNs += (sampleNs - _smoothedNs) / 8;
        }
    }

    public void BackOff() => _backoff++;

    public void EndBackoff() => _backoff = 0;
}
