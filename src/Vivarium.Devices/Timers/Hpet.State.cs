namespace Vivarium.Devices;

public sealed partial class Hpet
{
    private const ushort TimerFields = 10;

    /// <inheritdoc/>
    public string StateName => "hpet";

    /// <inheritdoc/>
    public void Reset()
    {
        _enabled = false;
        _base = 0;
        _status = 0;
        foreach (var timer in _timers)
        {
            timer.Configuration = 0;
            timer.Comparator = ulong.MaxValue;
            timer.Period = 0;
            timer.Message = 0;
        }

        UpdateLines();
        ScheduleAll();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, _enabled);
        writer.Write(2, _base);
        writer.Write(3, (ulong)_status);
        for (var i = 0; i < TimerCount; i++)
        {
            var tag = (ushort)(TimerFields * (i + 1));
            writer.Write(tag, _timers[i].Configuration);
            writer.Write((ushort)(tag + 1), _timers[i].Comparator);
            writer.Write((ushort)(tag + 2), _timers[i].Period);
            writer.Write((ushort)(tag + 3), _timers[i].Message);
            writer.Write((ushort)(tag + 4), _timers[i].HostTimer.DeadlineNs);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        _enabled = reader.ReadBoolean(1);
        _base = reader.ReadUInt64(2);
        _status = (uint)reader.ReadInt32(3, 0, (1 << TimerCount) - 1);
        for (var i = 0; i < TimerCount; i++)
        {
            var tag = (ushort)(TimerFields * (i + 1));
            _timers[i].Configuration = reader.ReadUInt64(tag) & HpetTimer.Writable;
            _timers[i].Comparator = reader.ReadUInt64((ushort)(tag + 1));
            _timers[i].Period = reader.ReadUInt64((ushort)(tag + 2));
            _timers[i].Message = reader.ReadUInt64((ushort)(tag + 3));
            _timers[i].HostTimer.Rearm(reader.ReadTime((ushort)(tag + 4)));
        }

        UpdateLines();
    }
}
