namespace Vivarium.Scheduling;

/// <summary>One machine in the competition of a <see cref="FairQueue"/>.</summary>
internal class FairEntity(int weight)
{
    /// <summary>The share against others, 1 to 10,000.</summary>
    public int Weight { get; set; } = weight;

    /// <summary>Service received, in nanoseconds divided by the weight.</summary>
    public double VirtualTime { get; set; }

    /// <summary>When the slice it waits for should be done, in virtual time.</summary>
    public double VirtualDeadline { get; set; }

    /// <summary>Service owed (positive) or received in advance when it left the competition, in nanoseconds.</summary>
    public double LagNs { get; set; }

    /// <summary>Whether it competes now.</summary>
    public bool IsCompeting { get; set; }
}
