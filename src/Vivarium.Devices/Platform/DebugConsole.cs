namespace Vivarium.Devices;

/// <summary>
/// The debug console that Bochs and QEMU put at port 0xE9: reading gives 0xE9, so that a guest finds it; each byte written goes to the
/// host. It has no state. Called with the device lock held.
/// </summary>
public sealed class DebugConsole(ICharacterSink sink) : IPortDevice
{
    private const byte Signature = 0xE9;

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = Signature;
        return sizeBytes == 1 ? IoResult.Ok : IoResult.BadSize;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        sink.Write([(byte)value]);
        return IoResult.Ok;
    }
}
