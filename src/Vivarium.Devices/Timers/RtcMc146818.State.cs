namespace Vivarium.Devices;

public sealed partial class RtcMc146818
{
    /// <summary>No guest can set the clock further than this from the machine's, so sums of times cannot overflow.</summary>
    private const long MaximumOffsetNs = long.MaxValue / 4 * 3;

    /// <inheritdoc/>
    public string StateName => "rtc";

    /// <inheritdoc/>
    public void Reset()
    {
        // The battery keeps the time, the rate and the RAM; the RESET pin clears the enables and flags.
        _cmos[RtcRegister.B] &= unchecked((byte)~(RtcBits.FlagMask | RtcBits.SquareWave));
        _cmos[RtcRegister.C] = 0;
        _index = 0;
        IsNmiMasked = false;
        Resettle();
    }

    /// <summary>The calendar may have moved on while the machine stood still: an alarm of that time is due now.</summary>
    public void Start() => Settle();

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        Settle();
        writer.Write(1, _cmos);
        writer.Write(2, (ulong)_index);
        writer.Write(3, IsNmiMasked);
        writer.Write(4, _offsetNs);
        writer.Write(5, _settledSecond);
        writer.Write(6, _settledPeriod);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        reader.ReadBytes(1, _cmos);
        _index = (byte)reader.ReadInt32(2, 0, 127);
        IsNmiMasked = reader.ReadBoolean(3);
        _offsetNs = reader.ReadInt64(4);
        if (_offsetNs is > MaximumOffsetNs or < -MaximumOffsetNs || CalendarNs < 0)
        {
            throw reader.Invalid(4);
        }

        _settledSecond = reader.ReadTime(5);
        _settledPeriod = reader.ReadTime(6);

        Settle();
    }
}
