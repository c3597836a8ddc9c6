using FsCheck.Xunit;

namespace Vivarium.Scheduling.Tests;

public sealed class FairQueueTests
{
    private const long SliceNs = 1_000_000;

    [Property(MaxTest = 50)]
    public bool On_one_worker_nobody_is_ever_two_slices_from_its_share(byte count, int seed)
    {
        var random = new Random(seed);
        var queue = new FairQueue(SliceNs);
        var entities = Enumerable.Range(0, (count % 12) + 2).Select(_ => new FairEntity(random.Next(1, 1000))).ToList();
        entities.ForEach(queue.Join);
        for (var step = 0; step < 2000; step++)
        {
            var next = entities.Aggregate((best, each) => queue.IsBefore(each, best) ? each : best);
            queue.Charge(next, random.Next(1, (int)SliceNs));
            if (entities.Any(each => Math.Abs(queue.LagNs(each)) > SliceNs * 2.001))
            {
                return false;
            }
        }

        return true;
    }

    [Property(MaxTest = 20)]
    public bool On_two_workers_busy_machines_get_their_weights(int seed)
    {
        var random = new Random(seed);
        var queue = new FairQueue(SliceNs);
        int[] weights = [1, 2, 4];
        var entities = Enumerable.Range(0, 20).Select(index => new FairEntity(weights[index % 3])).ToList();
        entities.ForEach(queue.Join);
        var got = entities.ToDictionary(each => each, _ => 0L);
        (FairEntity? Entity, long EndNs, long RanNs)[] workers = new (FairEntity?, long, long)[2];
        const long totalNs = 10_000_000_000;
        var nowNs = 0L;
        while (nowNs < totalNs)
        {
            for (var worker = 0; worker < 2; worker++)
            {
                if (workers[worker].EndNs > nowNs)
                {
                    continue;
                }

                if (workers[worker].Entity is { } done)
                {
                    queue.Charge(done, workers[worker].RanNs);
                    got[done] += workers[worker].RanNs;
                }

                var other = workers[1 - worker];
                var next = entities.Where(each => each != other.Entity).Aggregate((best, each) => queue.IsBefore(each, best) ? each : best);
                // Now and then a slice ends very late, as when the host takes the worker away.
                var ranNs = random.NextInt64(SliceNs / 4, random.Next(20) == 0 ? SliceNs * 20 : SliceNs * 3 / 2);
                workers[worker] = (next, nowNs + ranNs, ranNs);
            }

            nowNs = workers.Min(worker => worker.EndNs);
        }

        var total = got.Values.Sum();
        var weightSum = entities.Sum(each => each.Weight);
        return got.All(each => Math.Abs(each.Value - (total * (double)each.Key.Weight / weightSum)) < 0.05 * total * each.Key.Weight / weightSum);
    }

    [Fact]
    public void A_sleeper_earns_at_most_a_slice()
    {
        var queue = new FairQueue(SliceNs);
        var busy = new FairEntity(100);
        var sleeper = new FairEntity(100);
        queue.Join(busy);
        queue.Join(sleeper);
        queue.Charge(busy, SliceNs / 2);
        queue.Leave(sleeper);
        for (var i = 0; i < 1000; i++)
        {
            queue.Charge(busy, SliceNs);
        }

        queue.Join(sleeper);
        Assert.InRange(queue.LagNs(sleeper), -1, SliceNs);
        Assert.True(queue.IsBefore(sleeper, busy));
    }

    [Fact]
    public void A_machine_that_cannot_use_its_share_does_not_starve_one_that_comes_later()
    {
        var queue = new FairQueue(SliceNs);
        var heavy = new FairEntity(10_000);
        FairEntity[] light = [new(1), new(1)];
        queue.Join(heavy);
        queue.Join(light[0]);
        for (var i = 0; i < 5000; i++)
        {
            // Two workers: the heavy one always has the first and can have no more.
            queue.Charge(heavy, SliceNs);
            queue.Charge(light[0], SliceNs);
        }

        queue.Join(light[1]);
        var newcomer = 0;
        for (var i = 0; i < 4000; i++)
        {
            queue.Charge(heavy, SliceNs);
            var next = queue.IsBefore(light[1], light[0]) ? light[1] : light[0];
            newcomer += next == light[1] ? 1 : 0;
            queue.Charge(next, SliceNs);
        }

        Assert.InRange(newcomer, 1900, 2200);
    }

    [Fact]
    public void Changing_the_weight_keeps_what_is_owed()
    {
        var queue = new FairQueue(SliceNs);
        FairEntity[] entities = [new(100), new(100)];
        queue.Join(entities[0]);
        queue.Join(entities[1]);
        queue.Charge(entities[0], SliceNs);
        var lagNs = queue.LagNs(entities[1]);
        queue.SetWeight(entities[1], 300);
        Assert.InRange(queue.LagNs(entities[1]), 0.999 * lagNs, 1.001 * lagNs);
    }

    [Fact]
    public void A_cap_is_kept_over_periods_and_debt_is_paid_but_nothing_saved_up()
    {
        var limit = new BandwidthLimit();
        limit.Set(new VmShare { CapMilliCores = 250, ReservationMilliCores = 100 });
        limit.Advance(0);
        Assert.True(limit.IsBelowReservation);
        limit.Charge(10_000_000);
        Assert.False(limit.IsBelowReservation);
        Assert.Equal(15_000_000, limit.RemainingNs);
        limit.Charge(20_000_000);
        Assert.True(limit.IsExhausted);
        limit.Advance(limit.PeriodEndNs - 1);
        Assert.True(limit.IsExhausted);
        limit.Advance(limit.PeriodEndNs);
        Assert.Equal(20_000_000, limit.RemainingNs);
        limit.Advance(limit.PeriodEndNs + (50 * BandwidthLimit.PeriodNs));
        Assert.Equal(25_000_000, limit.RemainingNs);
        limit.Set(new VmShare());
        Assert.False(limit.IsExhausted);
    }
}
