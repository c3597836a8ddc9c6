namespace Vivarium.Devices;

public sealed partial class LocalApic
{
    /// <summary>
    /// Periodic interrupts come at most 20,000 times a second, or a guest could make its host do nothing but fire timers.
    /// </summary>
    private const long MinimumPeriodNs = 50_000;

    private const uint DivideWritable = 0xB;

    /// <summary>Guards the fields below between the vCPU's thread and the timer's. Nothing is called under it but the clock.</summary>
    private readonly Lock _timerLock = new();
    private uint _timerInitial;
    private uint _timerDivide;
    private long _timerStartNs;
    private long _timerDeadlineNs = long.MaxValue;
    private ulong _tscDeadline;

    /// <summary>The bus ticks, one a nanosecond, in one timer tick: 1 to 128.</summary>
    private int TimerDivisor
    {
        get
        {
            var code = ((_timerDivide >> 1) & 4) | (_timerDivide & 3);
            return code == 7 ? 1 : 2 << (int)code;
        }
    }

    private bool IsTscDeadline => (LocalVector(LvtTimer) & ApicBits.LvtTimerModeMask) == ApicBits.LvtTimerDeadline;

    private bool IsPeriodic => (LocalVector(LvtTimer) & ApicBits.LvtTimerModeMask) == ApicBits.LvtTimerPeriodic;

    private long PeriodNs => (long)_timerInitial * TimerDivisor;

    /// <summary>Tells the timer that the TSC was set: its deadline means another time now. Called on the vCPU's thread.</summary>
    public void OnTscChanged()
    {
        lock (_timerLock)
        {
            if (IsTscDeadline)
            {
                ArmTscDeadline(_tscDeadline);
            }
        }
    }

    private uint ReadTimerCurrent()
    {
        lock (_timerLock)
        {
            if (_timerDeadlineNs == long.MaxValue || IsTscDeadline)
            {
                return 0;
            }

            var elapsed = _clock.NowNs - _timerStartNs;
            return elapsed >= PeriodNs && !IsPeriodic ? 0 : _timerInitial - (uint)(elapsed % PeriodNs / TimerDivisor);
        }
    }

    private void WriteTimerInitial(uint value)
    {
        lock (_timerLock)
        {
            if (!IsTscDeadline)
            {
                _timerInitial = value;
                _timerStartNs = _clock.NowNs;
                ArmTimer(value == 0 ? long.MaxValue : _timerStartNs + PeriodNs);
            }
        }
    }

    private void WriteTimerDivide(uint value)
    {
        lock (_timerLock)
        {
            if (_timerDeadlineNs == long.MaxValue || IsTscDeadline)
            {
                _timerDivide = value & DivideWritable;
                return;
            }

            // What is left of the count stays; from now on it is counted with the new divisor.
            var now = _clock.NowNs;
            var counted = Math.Min(now - _timerStartNs, PeriodNs) / TimerDivisor;
            _timerDivide = value & DivideWritable;
            _timerStartNs = now - counted * TimerDivisor;
            ArmTimer(_timerStartNs + PeriodNs);
        }
    }

    private void WriteLvtTimer(uint value)
    {
        if (ExpireIfDue())
        {
            RaiseLocal(LvtTimer);
        }

        lock (_timerLock)
        {
            var wasTscDeadline = IsTscDeadline;
            WriteLocalVector(LvtTimer, value);
            if (wasTscDeadline != IsTscDeadline)
            {
                // Changing to or from the deadline mode disarms the timer (Intel SDM Vol. 3A §11.5.4.1).
                StopTimer();
            }
        }
    }

    /// <summary>The host's timer may be late: what the guest has seen the count reach happens before the mode changes.</summary>
    private bool ExpireIfDue()
    {
        lock (_timerLock)
        {
            var now = _clock.NowNs;
            var isDue = _timerDeadlineNs <= now;
            if (isDue)
            {
                Expire(now);
            }

            return isDue;
        }
    }

    private ulong ReadTscDeadline()
    {
        lock (_timerLock)
        {
            return _tscDeadline;
        }
    }

    private void WriteTscDeadline(ulong value)
    {
        lock (_timerLock)
        {
            if (!IsTscDeadline)
            {
                return;
            }

            ArmTscDeadline(value);
            if (_timerDeadlineNs > _clock.NowNs)
            {
                return;
            }

            // The deadline has passed: the interrupt is there before the next instruction.
            StopTimer();
        }

        RaiseLocal(LvtTimer);
    }

    private void StopTimer()
    {
        _timerInitial = 0;
        _tscDeadline = 0;
        ArmTimer(long.MaxValue);
    }

    private void ArmTscDeadline(ulong tsc)
    {
        _tscDeadline = tsc;
        ArmTimer(tsc == 0 || _tsc is null ? long.MaxValue : _tsc.GuestNsAt(tsc));
    }

    private void ArmTimer(long deadlineNs)
    {
        _timerDeadlineNs = deadlineNs;
        _timer.Rearm(deadlineNs);
    }

    /// <summary>Runs with the device lock held, while the vCPU may be writing the timer's registers.</summary>
    private void OnTimer()
    {
        if (ExpireIfDue())
        {
            RaiseLocal(LvtTimer);
        }
    }

    private void Expire(long now)
    {
        if (IsPeriodic)
        {
            // Periods that were missed are not made up for, and the phase is kept.
            _timerStartNs = now - (now - _timerStartNs) % PeriodNs;
            ArmTimer(Math.Max(_timerStartNs + PeriodNs, now + MinimumPeriodNs));
        }
        else
        {
            _tscDeadline = 0;
            _timerDeadlineNs = long.MaxValue;
        }
    }
}
