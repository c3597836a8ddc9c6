namespace Vivarium.Devices;

public sealed partial class Pit8254
{
    private const ushort ChannelFields = 10;

    /// <inheritdoc/>
    public string StateName => "pit";

    /// <inheritdoc/>
    public void Reset()
    {
        _portB = 0;
        for (var i = 0; i < _channels.Length; i++)
        {
            _channels[i].Reset(gate: i != 2);
        }

        Schedule(Tick, earliestNs: 0);
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, (ulong)_portB);
        writer.Write(2, _riseNs);
        writer.Write(3, _irq.Level);
        for (var i = 0; i < _channels.Length; i++)
        {
            _channels[i].Save(writer, (ushort)(ChannelFields * (i + 1)));
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        _portB = (byte)reader.ReadInt32(1, 0, PortBWritable);
        _riseNs = reader.ReadTime(2);
        for (var i = 0; i < _channels.Length; i++)
        {
            _channels[i].Restore(reader, (ushort)(ChannelFields * (i + 1)));
        }

        _irq.SetLevel(reader.ReadBoolean(3));
        _timer.Rearm(_riseNs);
    }
}
