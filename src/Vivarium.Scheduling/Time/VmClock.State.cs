namespace Vivarium.Scheduling;

/// <content>The clock as a state unit. Its timers are armed again by the devices that own them.</content>
public sealed partial class VmClock : IStateUnit
{
    private const ushort NowTag = 1;
    private const ushort WallClockBaseTag = 2;

    /// <inheritdoc/>
    public string StateName => "clock";

    /// <summary>A reset of the machine does not touch the clock: guest time never goes back.</summary>
    public void Reset()
    {
    }

    /// <inheritdoc/>
    public void Start()
    {
        lock (_gate)
        {
            if (!_base.IsRunning)
            {
                if (_hostWallClockNs is not null)
                {
                    WallClockBaseNs = Math.Max(WallClockBaseNs, _hostWallClockNs() - NowNs);
                }

                _base = new TimeBase(IsRunning: true, _base.OffsetNs - _service.Clock.NowNs);
            }
        }

        RequestService();
    }

    /// <inheritdoc/>
    public void Stop()
    {
        lock (_gate)
        {
            _base = new TimeBase(IsRunning: false, NowNs);
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(NowTag, NowNs);
        writer.Write(WallClockBaseTag, WallClockBaseNs);
    }

    /// <summary>Sets the guest time that was saved: the time since then did not pass for the guest. The clock must be stopped.</summary>
    /// <exception cref="StateFormatException">A field is missing or impossible.</exception>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var nowNs = reader.ReadInt64(NowTag);
        var wallClockBaseNs = reader.ReadInt64(WallClockBaseTag);
        if (nowNs < 0)
        {
            throw reader.Invalid(NowTag);
        }

        lock (_gate)
        {
            _base = new TimeBase(IsRunning: false, nowNs);
            WallClockBaseNs = wallClockBaseNs;
        }
    }
}
