namespace Vivarium;

/// <summary>A processor's TSC for what the processor itself is built from; connected once the processor exists.</summary>
internal sealed class TscRelay(ulong frequencyHz) : ITscSource
{
    /// <summary>The processor.</summary>
    public ITscSource? Target { get; set; }

    public ulong FrequencyHz => frequencyHz;

    public ulong TscAt(long guestNs) => Connected().TscAt(guestNs);

    public long GuestNsAt(ulong tsc) => Connected().GuestNsAt(tsc);

    private ITscSource Connected() => Target ?? throw new InvalidOperationException("The processor was not connected to its devices.");
}
