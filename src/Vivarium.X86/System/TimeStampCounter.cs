namespace Vivarium.X86;

/// <summary>The time-stamp counter: guest time at a fixed frequency, plus an offset that the guest may write.</summary>
internal sealed unsafe class TimeStampCounter(CpuState* state, IVmClock clock, ulong frequencyHz) : ITscSource
{
    private const ulong NsPerSecond = 1_000_000_000;

    public ulong FrequencyHz { get; } = frequencyHz;

    /// <summary>Called after the guest moved the counter.</summary>
    public Action? Changed { get; set; }

    public ulong Read() => TscAt(clock.NowNs);

    public ulong TscAt(long guestNs) => Raw((ulong)guestNs) + state->TscOffset;

    public long GuestNsAt(ulong tsc)
    {
        var now = clock.NowNs;
        var ticks = tsc - TscAt(now);
        if ((long)ticks <= 0)
        {
            return now;
        }

        var wait = FrequencyHz == NsPerSecond ? (UInt128)ticks : (((UInt128)ticks * NsPerSecond) + FrequencyHz - 1) / FrequencyHz;
        return wait > (UInt128)(long.MaxValue - now) ? long.MaxValue : now + (long)wait;
    }

    /// <summary>WRMSR IA32_TIME_STAMP_COUNTER moves IA32_TSC_ADJUST by as much (Intel SDM Vol. 3B §18.17.3).</summary>
    public void Write(ulong value)
    {
        var delta = value - Read();
        state->TscOffset += delta;
        state->TscAdjust += delta;
        Changed?.Invoke();
    }

    /// <summary>WRMSR IA32_TSC_ADJUST moves the counter by as much.</summary>
    public void Adjust(ulong value)
    {
        state->TscOffset += value - state->TscAdjust;
        state->TscAdjust = value;
        Changed?.Invoke();
    }

    private ulong Raw(ulong ns) => FrequencyHz == NsPerSecond ? ns : (ulong)((UInt128)ns * FrequencyHz / NsPerSecond);
}
