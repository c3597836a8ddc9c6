namespace Vivarium;

/// <summary>
/// One vCPU's time-stamp counter as its local APIC and its paravirtual clock see it. It advances with <see cref="IVmClock"/>:
/// TSC = guest nanoseconds × <see cref="FrequencyHz"/> ÷ 10^9, rounded down, plus the offset the guest set, modulo 2^64. Any thread.
/// </summary>
public interface ITscSource
{
    /// <summary>Ticks a second, 1 MHz to 10 GHz.</summary>
    ulong FrequencyHz { get; }

    /// <summary>The counter at a guest time.</summary>
    ulong TscAt(long guestNs);

    /// <summary>
    /// The first guest time at which the counter is at or beyond <paramref name="tsc"/>, now if it is already; <see cref="long.MaxValue"/>
    /// if that is beyond what a clock counts.
    /// </summary>
    long GuestNsAt(ulong tsc);
}
