namespace Vivarium;

/// <summary>How much processor time one machine gets from a shared scheduler.</summary>
public sealed record VmShare
{
    /// <summary>The share against other machines that want to run. Default 100, range 1 to 10,000.</summary>
    public int Weight { get; init; } = 100;

    /// <summary>The most the machine may use, in thousandths of one host core over 100 ms; null for no cap. Range 1 to 1,000,000.</summary>
    public int? CapMilliCores { get; init; }

    /// <summary>What the machine gets whenever it wants it, in thousandths of one host core. Default 0.</summary>
    public int ReservationMilliCores { get; init; }
}
