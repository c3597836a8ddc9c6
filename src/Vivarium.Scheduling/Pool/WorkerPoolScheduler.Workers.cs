namespace Vivarium.Scheduling;

/// <content>What the worker threads do.</content>
public sealed partial class WorkerPoolScheduler
{
    private void Work(int worker)
    {
        while (TakeNext(worker, out var vcpu, out var sliceNs))
        {
            VcpuExit exit = default;
            Exception? failure = null;
            try
            {
                exit = vcpu.RunSlice(_clock, sliceNs);
            }
            catch (Exception exception)
            {
                failure = exception;
            }

            var stopped = failure is not null || exit.Reason is VcpuExitReason.Shutdown or VcpuExitReason.Debug;
            GiveBack(worker, vcpu, exit, stopped);
            if (failure is not null)
            {
                vcpu.Observer.OnFailed(vcpu.Vcpu, failure);
            }
            else if (stopped)
            {
                vcpu.Observer.OnStopped(vcpu.Vcpu, exit);
            }
        }
    }

    private bool TakeNext(int worker, out PooledVcpu vcpu, out long sliceNs)
    {
        lock (_gate)
        {
            while (!_disposed)
            {
                var nowNs = _clock.NowNs;
                if (PickMachine(nowNs, out var throttledUntilNs) is { } machine)
                {
                    vcpu = machine.Waiting[0];
                    machine.Waiting.RemoveAt(0);
                    machine.RunningCount++;
                    vcpu.Enter(PooledState.Running, nowNs);
                    _running[worker] = vcpu;
                    sliceNs = Math.Min(SliceNs, machine.Limit.RemainingNs);
                    PassOn();
                    return true;
                }

                _idleWorkers++;
                if (throttledUntilNs == long.MaxValue)
                {
                    Monitor.Wait(_gate);
                }
                else
                {
                    Monitor.Wait(_gate, (int)Math.Clamp((throttledUntilNs - nowNs + 999_999) / 1_000_000, 1, 1_000));
                }

                _idleWorkers--;
            }
        }

        vcpu = null!;
        sliceNs = 0;
        return false;
    }

    /// <summary>Wakes the next worker if there is more to do, as when a machine's cap opens for several of its vCPUs at once.</summary>
    private void PassOn()
    {
        if (_idleWorkers > 0 && _machines.Exists(machine => machine.Waiting.Count > 0 && !machine.IsThrottled))
        {
            Monitor.Pulse(_gate);
        }
    }

    private void GiveBack(int worker, PooledVcpu vcpu, VcpuExit exit, bool stopped)
    {
        TaskCompletionSource? paused;
        lock (_gate)
        {
            var machine = vcpu.Machine;
            var nowNs = _clock.NowNs;
            _running[worker] = null;
            machine.RunningCount--;
            var ranNs = vcpu.SpentNs(nowNs);
            vcpu.Completed(exit.Instructions);
            if (!machine.Limit.IsBelowReservation)
            {
                _queue.Charge(machine, ranNs);
            }

            machine.Limit.Charge(ranNs);
            if (exit.Reason == VcpuExitReason.Spinning)
            {
                _queue.Yield(machine);
            }

            vcpu.IsWanted &= !stopped;
            Settle(vcpu, exit.Reason, nowNs);
            UpdateCompetition(machine, nowNs);
            paused = vcpu.Paused;
            vcpu.Paused = null;
        }

        paused?.SetResult();
    }

    /// <summary>Decides what becomes of a vCPU that left its worker.</summary>
    private static void Settle(PooledVcpu vcpu, VcpuExitReason reason, long nowNs)
    {
        if (!vcpu.IsWanted)
        {
            vcpu.Enter(PooledState.Paused, nowNs);
            return;
        }

        if (reason == VcpuExitReason.Halted)
        {
            // Published first, then looked: whoever brings work either sees it parked or is seen here.
            vcpu.Enter(PooledState.Parked, nowNs);
            Interlocked.MemoryBarrier();
            if (!vcpu.Vcpu.HasWork)
            {
                return;
            }
        }

        vcpu.Enter(PooledState.Queued, nowNs);
        vcpu.Machine.Waiting.Add(vcpu);
    }

    /// <summary>The machine whose vCPU runs next; null if none can, and when the first throttled one may again.</summary>
    private PooledMachine? PickMachine(long nowNs, out long throttledUntilNs)
    {
        throttledUntilNs = long.MaxValue;
        PooledMachine? best = null;
        foreach (var machine in _machines)
        {
            if (machine.Waiting.Count == 0)
            {
                continue;
            }

            UpdateCompetition(machine, nowNs);
            if (machine.IsThrottled)
            {
                throttledUntilNs = Math.Min(throttledUntilNs, machine.Limit.PeriodEndNs);
            }
            else if (best is null || IsBefore(machine, best))
            {
                best = machine;
            }
        }

        return best;
    }

    /// <summary>Reservations go first. What they use is outside the competition, which is about the rest.</summary>
    private bool IsBefore(PooledMachine left, PooledMachine right) =>
        left.Limit.IsBelowReservation != right.Limit.IsBelowReservation
            ? left.Limit.IsBelowReservation
            : _queue.IsBefore(left, right);

    /// <summary>A machine competes while a vCPU of it runs or waits and its cap allows it.</summary>
    private void UpdateCompetition(PooledMachine machine, long nowNs)
    {
        machine.Limit.Advance(nowNs);
        machine.IsThrottled = machine.Limit.IsExhausted;
        if (!machine.IsThrottled && machine.RunningCount + machine.Waiting.Count > 0)
        {
            _queue.Join(machine);
        }
        else
        {
            _queue.Leave(machine);
        }
    }
}
