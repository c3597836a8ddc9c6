namespace Vivarium.Devices;

/// <summary>
/// The debug-exit port, 0xF4 by custom: a write of 1, 2 or 4 bytes ends the machine with the process code <c>(value &lt;&lt; 1) | 1</c>.
/// It has no state. Called with the device lock held.
/// </summary>
public sealed class DebugExitPort(IPowerControl power) : IPortDevice
{
    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = 0;
        return offset == 0 ? IoResult.Ok : IoResult.NoRegister;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (offset != 0)
        {
            return IoResult.NoRegister;
        }

        power.RequestDebugExit(value);
        return IoResult.Ok;
    }
}
