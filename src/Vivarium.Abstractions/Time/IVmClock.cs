namespace Vivarium;

/// <summary>Guest time. It stops while the machine is paused, and every guest-visible clock derives from it. Any thread.</summary>
public interface IVmClock
{
    /// <summary>Nanoseconds of guest time since the machine was first started. Never goes back.</summary>
    long NowNs { get; }

    /// <summary>
    /// Nanoseconds since the Unix epoch that guest time 0 stands for: what the RTC counts from. May grow while the machine stands still, as the world
    /// does not.
    /// </summary>
    long WallClockBaseNs { get; }

    /// <summary>Creates a timer, disarmed, whose <paramref name="callback"/> runs with the machine's device lock held.</summary>
    IVmTimer CreateTimer(Action callback);
}
