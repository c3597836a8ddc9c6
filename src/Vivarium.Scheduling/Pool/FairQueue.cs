namespace Vivarium.Scheduling;

/// <summary>
/// Earliest eligible virtual deadline first (Stoica and Abdel-Wahab, 1995), extended to several workers. Each competitor's virtual time
/// advances by what it ran divided by its weight. Those not ahead of the weighted average are eligible, and the one whose slice is due
/// first goes next. With more than one worker a competitor may be unable to use its share; its claim to the rest lapses beyond
/// <see cref="MaximumLagSlices"/>, so that it cannot hold back the average. A pure data structure: no clock, no threads.
/// </summary>
internal sealed class FairQueue(long sliceNs)
{
    /// <summary>
    /// How far, in slices, a competitor may fall behind before its claim lapses. Far more than slices that end late on a busy host can
    /// cause, as each lapse moves the shares towards equal ones.
    /// </summary>
    public const int MaximumLagSlices = 200;

    private readonly List<FairEntity> _competitors = [];
    private double _weights;

    /// <summary>The weighted average of virtual times; the last one while nobody competes.</summary>
    public double Average { get; private set; }

    /// <summary>Enters the competition with what it was owed, but never more than a slice: sleeping earns nothing.</summary>
    public void Join(FairEntity entity)
    {
        if (!entity.IsCompeting)
        {
            entity.IsCompeting = true;
            entity.VirtualTime = Average - (Math.Clamp(entity.LagNs, -MaximumLagSlices * sliceNs, sliceNs) / entity.Weight);
            _competitors.Add(entity);
            StartSlice(entity);
            Update();
        }
    }

    /// <summary>Leaves the competition and keeps its lag for the next time.</summary>
    public void Leave(FairEntity entity)
    {
        if (entity.IsCompeting)
        {
            entity.LagNs = LagNs(entity);
            entity.IsCompeting = false;
            _competitors.Remove(entity);
            Update();
        }
    }

    /// <summary>Adds service that it got.</summary>
    public void Charge(FairEntity entity, long ranNs)
    {
        entity.VirtualTime += (double)ranNs / entity.Weight;
        if (entity.VirtualTime >= entity.VirtualDeadline)
        {
            StartSlice(entity);
        }

        Update();
        var excessNs = LagNs(entity) - ((double)MaximumLagSlices * sliceNs);
        if (entity.IsCompeting && excessNs > 0)
        {
            // Moving it moves the average too, by its part of all weights; a lag implies a second competitor, so the divisor is not zero.
            entity.VirtualTime += excessNs / entity.Weight * _weights / (_weights - entity.Weight);
            StartSlice(entity);
            Update();
        }
    }

    /// <summary>Gives up the rest of the slice: others with an earlier deadline go first.</summary>
    public void Yield(FairEntity entity) => entity.VirtualDeadline += (double)sliceNs / entity.Weight;

    /// <summary>Changes the weight; service owed stays owed.</summary>
    public void SetWeight(FairEntity entity, int weight)
    {
        var lagNs = LagNs(entity);
        entity.Weight = weight;
        if (entity.IsCompeting)
        {
            entity.VirtualTime = Average - (lagNs / weight);
            StartSlice(entity);
            Update();
        }
    }

    /// <summary>Whether <paramref name="left"/> should run rather than <paramref name="right"/>.</summary>
    public bool IsBefore(FairEntity left, FairEntity right)
    {
        var leftEligible = IsEligible(left);
        if (leftEligible != IsEligible(right))
        {
            return leftEligible;
        }

        return leftEligible ? left.VirtualDeadline < right.VirtualDeadline : left.VirtualTime < right.VirtualTime;
    }

    /// <summary>Service owed, in nanoseconds: positive if it got less than its share.</summary>
    public double LagNs(FairEntity entity) => entity.IsCompeting ? (Average - entity.VirtualTime) * entity.Weight : entity.LagNs;

    private bool IsEligible(FairEntity entity) => entity.VirtualTime <= Average;

    private void StartSlice(FairEntity entity) => entity.VirtualDeadline = entity.VirtualTime + ((double)sliceNs / entity.Weight);

    private void Update()
    {
        if (_competitors.Count == 0)
        {
            return;
        }

        // Relative to one of them: sums of absolute virtual times would lose their low digits in a long run.
        var origin = _competitors[0].VirtualTime;
        double sum = 0;
        _weights = 0;
        foreach (var entity in _competitors)
        {
            sum += (entity.VirtualTime - origin) * entity.Weight;
            _weights += entity.Weight;
        }

        Average = origin + (sum / _weights);
    }
}
