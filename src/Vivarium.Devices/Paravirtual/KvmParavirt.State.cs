namespace Vivarium.Devices;

public sealed partial class KvmParavirt
{
    /// <inheritdoc/>
    public string StateName => $"kvm{_index}";

    /// <inheritdoc/>
    public void Reset()
    {
        _wallClock = 0;
        _systemTime = 0;
        _stealTime = 0;
        _clockVersion = 0;
        _stealVersion = 0;
    }

    /// <summary>Publishes the clock again: the TSC frequency or the memory may be another after a restore.</summary>
    public void Start() => WriteSystemTime();

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, _wallClock);
        writer.Write(2, _systemTime);
        writer.Write(3, _stealTime);
        writer.Write(4, (ulong)_clockVersion);
        writer.Write(5, (ulong)_stealVersion);
        writer.Write(6, _stealNs);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        _wallClock = reader.ReadUInt64(1);
        _systemTime = reader.ReadUInt64(2);
        _stealTime = reader.ReadUInt64(3);
        _clockVersion = reader.ReadUInt32(4);
        _stealVersion = reader.ReadUInt32(5);
        _stealNs = reader.ReadTime(6);
    }
}
