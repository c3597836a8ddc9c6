namespace Vivarium;

/// <summary>A one-shot timer in guest time. Any thread may arm it.</summary>
public interface IVmTimer : IDisposable
{
    /// <summary>When it fires next, in <see cref="IVmClock.NowNs"/>; <see cref="long.MaxValue"/> if disarmed.</summary>
    long DeadlineNs { get; }

    /// <summary>Arms or re-arms for <paramref name="deadlineNs"/>; a time in the past fires at once, never inside this call.</summary>
    void Arm(long deadlineNs);

    /// <summary>Disarms. A callback that has begun elsewhere is not waited for.</summary>
    void Disarm();
}
