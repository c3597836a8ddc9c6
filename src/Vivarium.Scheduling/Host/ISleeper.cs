namespace Vivarium.Scheduling;

/// <summary>Lets one thread sleep for a precise time and any other wake it. A wake while nobody sleeps ends the next sleep at once.</summary>
internal interface ISleeper : IDisposable
{
    /// <summary>Sleeps at most <paramref name="maximumNs"/>; <see cref="long.MaxValue"/> means until woken. May return early.</summary>
    void Sleep(long maximumNs);

    /// <summary>Ends the sleep.</summary>
    void Wake();
}
