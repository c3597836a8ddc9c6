namespace Vivarium.Devices;

/// <summary>
/// Port 0xCF9 of the PC chipsets: bit 2 rising resets the machine; bits 1 and 3 choose between soft, hard and full reset, which are all
/// the same here. Called with the device lock held.
/// </summary>
public sealed class ResetControlRegister(IPowerControl power) : IPortDevice, IStateUnit
{
    private const byte ResetCpu = 0x04;
    private const byte Kept = 0x0A;

    private byte _value;

    /// <inheritdoc/>
    public string StateName => "reset-control";

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = _value;
        return sizeBytes == 1 ? IoResult.Ok : IoResult.BadSize;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        var resets = (value & ~_value & ResetCpu) != 0;
        _value = (byte)(value & (Kept | ResetCpu));
        if (resets)
        {
            power.RequestReset();
        }

        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public void Reset() => _value = 0;

    /// <inheritdoc/>
    public void Save(StateWriter writer) => writer.Write(1, (ulong)_value);

    /// <inheritdoc/>
    public void Restore(StateReader reader) => _value = (byte)(reader.ReadByte(1) & (Kept | ResetCpu));
}
