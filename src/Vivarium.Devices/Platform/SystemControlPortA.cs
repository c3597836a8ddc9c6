namespace Vivarium.Devices;

/// <summary>Port 0x92: fast reset (bit 0, on its rising edge) and the A20 gate (bit 1). Called with the device lock held.</summary>
public sealed class SystemControlPortA : IPortDevice, IStateUnit
{
    private const byte FastReset = 0x01;
    private const byte A20 = 0x02;

    private readonly IPowerControl _power;
    private readonly IA20Gate _a20;
    private byte _value;

    /// <summary>Creates the port.</summary>
    /// <param name="power">Is asked for a reset.</param>
    /// <param name="a20">The gate, which the keyboard controller may share.</param>
    public SystemControlPortA(IPowerControl power, IA20Gate a20)
    {
        _power = power;
        _a20 = a20;
    }

    /// <inheritdoc/>
    public string StateName => "port92";

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = (uint)((_value & ~A20) | (_a20.IsOpen ? A20 : 0));
        return sizeBytes == 1 ? IoResult.Ok : IoResult.BadSize;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        var resets = (value & ~_value & FastReset) != 0;
        _value = (byte)value;
        _a20.IsOpen = (value & A20) != 0;
        if (resets)
        {
            _power.RequestReset();
        }

        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public void Reset() => _value = 0;

    /// <inheritdoc/>
    public void Save(StateWriter writer) => writer.Write(1, (ulong)_value);

    /// <inheritdoc/>
    public void Restore(StateReader reader) => _value = reader.ReadByte(1);
}
