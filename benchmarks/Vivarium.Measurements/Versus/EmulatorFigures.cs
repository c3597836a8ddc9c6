namespace Vivarium.Measurements;

/// <summary>All runs of one emulator.</summary>
internal sealed class EmulatorFigures
{
    private readonly List<EmulatorRun> _runs = [];

    public double PeakResidentMib => Median.Of(_runs.Select(run => run.PeakResidentBytes / 1048576.0));

    /// <summary>Null if the guest never came to its first program.</summary>
    public (double Seconds, double CpuSeconds, bool IsSteady)? Boot => Middle([.. _runs.Where(run => run.Boot is not null).Select(run => run.Boot!.Value)]);

    public void Add(EmulatorRun run) => _runs.Add(run);

    /// <summary>The median of what a workload took, and whether its runs are within 15 % of each other; null if none ended well.</summary>
    public (double Seconds, double CpuSeconds, bool IsSteady)? Of(string workload) =>
        Middle([.. _runs.Where(run => run.Costs.ContainsKey(workload)).Select(run => run.Costs[workload])]);

    private static (double Seconds, double CpuSeconds, bool IsSteady)? Middle(EmulatorRun.Cost[] costs) => costs.Length == 0
        ? null
        : (Median.Of(costs.Select(cost => cost.Seconds)),
           Median.Of(costs.Select(cost => cost.CpuSeconds)),
           costs.Max(cost => cost.Seconds) <= (1.15 * costs.Min(cost => cost.Seconds)) + 0.05);
}
