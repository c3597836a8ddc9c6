namespace Vivarium.Scheduling;

/// <summary>The host's monotonic clock in nanoseconds.</summary>
internal sealed class HostClock(TimeProvider provider)
{
    private readonly long _frequency = provider.TimestampFrequency;

    public long NowNs
    {
        get
        {
            var timestamp = provider.GetTimestamp();
            return _frequency == 1_000_000_000 ? timestamp : (long)((Int128)timestamp * 1_000_000_000 / _frequency);
        }
    }
}
