namespace Vivarium.Devices.Tests.Fakes;

/// <summary>The wires into a vCPU and its time-stamp counter.</summary>
internal sealed class FakeVcpu(IVmClock clock, ulong frequencyHz = 2_000_000_000) : IVcpuSignals, ITscSource
{
    public int Interrupts { get; private set; }

    public int Nmis { get; private set; }

    public int Inits { get; private set; }

    public int Kicks { get; private set; }

    public List<byte> Startups { get; } = [];

    public ulong TscOffset { get; set; }

    public ulong FrequencyHz => frequencyHz;

    public void SignalInterrupt() => Interrupts++;

    public void SignalNmi() => Nmis++;

    public void SignalInit() => Inits++;

    public void SignalStartup(byte vector) => Startups.Add(vector);

    public void SignalKick() => Kicks++;

    public ulong TscAt(long guestNs) => (ulong)((UInt128)(ulong)guestNs * frequencyHz / 1_000_000_000) + TscOffset;

    public long GuestNsAt(ulong tsc)
    {
        if (tsc <= TscAt(clock.NowNs))
        {
            return clock.NowNs;
        }

        var ns = ((UInt128)(tsc - TscOffset) * 1_000_000_000 + frequencyHz - 1) / frequencyHz;
        return ns > long.MaxValue ? long.MaxValue : (long)ns;
    }
}
