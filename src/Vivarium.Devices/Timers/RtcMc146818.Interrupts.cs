namespace Vivarium.Devices;

public sealed partial class RtcMc146818
{
    private const long CrystalHz = 32_768;

    /// <summary>How long before the second changes the update-in-progress bit tells of it.</summary>
    private const long UpdateWarningNs = 244_000;

    private static readonly Frequency s_crystal = new(CrystalHz);

    /// <summary>Crystal cycles between periodic interrupts; 0 if there are none. Rates 1 and 2 mean 8 and 9.</summary>
    private long PeriodCycles
    {
        get
        {
            var rate = _cmos[RtcRegister.A] & RtcBits.RateMask;
            return rate == 0 || IsDividerReset ? 0 : 1L << ((rate < 3 ? rate + 7 : rate) - 1);
        }
    }

    private bool IsUpdateInProgress() =>
        !IsFrozen && CalendarNs % RtcCalendar.NsPerSecond >= RtcCalendar.NsPerSecond - UpdateWarningNs;

    /// <summary>Sets the flags for everything that happened since the last look, drives the line, and plans the next look.</summary>
    private void Settle()
    {
        var flags = _cmos[RtcRegister.C] & RtcBits.FlagMask;
        var second = CalendarNs / RtcCalendar.NsPerSecond;
        if (!IsFrozen && second > _settledSecond)
        {
            flags |= RtcBits.UpdateInterrupt;
            flags |= NextAlarm(_settledSecond) <= second ? RtcBits.AlarmInterrupt : 0;
        }

        var period = CurrentPeriod();
        flags |= period > _settledPeriod ? RtcBits.PeriodicInterrupt : 0;
        _settledSecond = second;
        _settledPeriod = period;

        var requests = (flags & _cmos[RtcRegister.B] & RtcBits.FlagMask) != 0;
        _cmos[RtcRegister.C] = (byte)(flags | (requests ? RtcBits.InterruptRequest : 0));
        _irq.SetLevel(requests);
        _timer.Rearm(NextLookNs());
    }

    /// <summary>Starts counting anew after the guest changed the time or the rate: what was before is not an event.</summary>
    private void Resettle()
    {
        _settledSecond = CalendarNs / RtcCalendar.NsPerSecond;
        _settledPeriod = CurrentPeriod();
        Settle();
    }

    private long CurrentPeriod() => PeriodCycles == 0 ? 0 : s_crystal.TicksAt(_clock.NowNs) / PeriodCycles;

    /// <summary>When the next enabled interrupt is due. While a flag stands its interrupt is not repeated.</summary>
    private long NextLookNs()
    {
        var wanted = _cmos[RtcRegister.B] & ~_cmos[RtcRegister.C];
        var next = long.MaxValue;
        if ((wanted & RtcBits.PeriodicInterrupt) != 0 && PeriodCycles != 0)
        {
            next = s_crystal.NsAt((_settledPeriod + 1) * PeriodCycles);
        }

        if (IsFrozen)
        {
            return next;
        }

        if ((wanted & RtcBits.UpdateInterrupt) != 0)
        {
            next = Math.Min(next, GuestNsOfSecond(_settledSecond + 1));
        }

        if ((wanted & RtcBits.AlarmInterrupt) != 0 && NextAlarm(_settledSecond) is var alarm && alarm != long.MaxValue)
        {
            next = Math.Min(next, GuestNsOfSecond(alarm));
        }

        return next;
    }

    private long GuestNsOfSecond(long second) => second * RtcCalendar.NsPerSecond - _clock.WallClockBaseNs - _offsetNs;

    /// <summary>
    /// The first second after <paramref name="second"/> that matches the alarm; <see cref="long.MaxValue"/> if none does.
    /// </summary>
    private long NextAlarm(long second)
    {
        var format = Format;
        var time = second + 1;
        var end = time + 86_400;
        while (time < end)
        {
            var ofDay = time % 86_400;
            if (!Matches(RtcRegister.HoursAlarm, format.EncodeHour((int)(ofDay / 3_600))))
            {
                time += 3_600 - ofDay % 3_600;
            }
            else if (!Matches(RtcRegister.MinutesAlarm, format.Encode((int)(ofDay / 60 % 60))))
            {
                time += 60 - ofDay % 60;
            }
            else if (!Matches(RtcRegister.SecondsAlarm, format.Encode((int)(ofDay % 60))))
            {
                time++;
            }
            else
            {
                return time;
            }
        }

        return long.MaxValue;

        // The two high bits set mean "any".
        bool Matches(int register, byte now) => _cmos[register] >= 0xC0 || _cmos[register] == now;
    }
}
