namespace Vivarium.Scheduling;

/// <summary>Sleeps with the precision of the host's wait calls: a millisecond or worse. For hosts other than Linux.</summary>
internal sealed class PortableSleeper : ISleeper
{
    private readonly AutoResetEvent _wake = new(false);

    public void Sleep(long maximumNs)
    {
        // Rounded up: waking early would only spin.
        var milliseconds = maximumNs >= int.MaxValue * 1_000_000L ? -1 : (int)((maximumNs + 999_999) / 1_000_000);
        _wake.WaitOne(milliseconds);
    }

    public void Wake() => _wake.Set();

    public void Dispose() => _wake.Dispose();
}
