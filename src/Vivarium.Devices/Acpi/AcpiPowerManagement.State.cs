namespace Vivarium.Devices;

public sealed partial class AcpiPowerManagement
{
    /// <inheritdoc/>
    public string StateName => "acpi-pm";

    /// <inheritdoc/>
    public void Reset()
    {
        _status = 0;
        _enable = 0;
        _control = 0;
        _gpeStatus = 0;
        _gpeEnable = 0;
        _settledCarries = s_oscillator.TicksAt(_clock.NowNs) >> (_timerBits - 1);
        Settle();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, (ulong)_status);
        writer.Write(2, (ulong)_enable);
        writer.Write(3, (ulong)_control);
        writer.Write(4, (ulong)_gpeStatus);
        writer.Write(5, (ulong)_gpeEnable);
        writer.Write(6, _settledCarries);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        _status = (ushort)(reader.ReadUInt16(1) & StatusBits);
        _enable = (ushort)(reader.ReadUInt16(2) & EnableBits);
        _control = (ushort)(reader.ReadUInt16(3) & ControlKept);
        _gpeStatus = reader.ReadUInt16(4);
        _gpeEnable = reader.ReadUInt16(5);
        _settledCarries = reader.ReadTime(6);
        Settle();
    }
}
