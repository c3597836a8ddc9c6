namespace Vivarium.Network;

/// <summary>A time provider in nanoseconds.</summary>
internal sealed class NetworkClock(TimeProvider provider)
{
    private readonly long _frequency = provider.TimestampFrequency;

    /// <summary>Nanoseconds since some moment; never goes back.</summary>
    public long NowNs
    {
        get
        {
            var timestamp = provider.GetTimestamp();
            return _frequency == 1_000_000_000 ? timestamp : (long)((Int128)timestamp * 1_000_000_000 / _frequency);
        }
    }

    /// <summary>Nanoseconds since the Unix epoch.</summary>
    public long UnixNs => (provider.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;

    /// <summary>A timer, disarmed.</summary>
    public ITimer CreateTimer(Action callback) =>
        provider.CreateTimer(static state => ((Action)state!)(), callback, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
}
