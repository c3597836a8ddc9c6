namespace Vivarium.Devices;

/// <summary>
/// A few consecutive 8-bit ports of a chip that answers at several places. Wider accesses are refused, so that the bus splits them.
/// </summary>
internal sealed class BytePorts(int count, Func<int, byte> read, Action<int, byte> write) : IPortDevice
{
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = 0;
        var result = Check(offset, sizeBytes);
        if (result == IoResult.Ok)
        {
            value = read(offset);
        }

        return result;
    }

    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        var result = Check(offset, sizeBytes);
        if (result == IoResult.Ok)
        {
            write(offset, (byte)value);
        }

        return result;
    }

    private IoResult Check(ushort offset, int sizeBytes) =>
        sizeBytes != 1 ? IoResult.BadSize : offset < count ? IoResult.Ok : IoResult.NoRegister;
}
