namespace Vivarium;

/// <summary>
/// A device behind x86 I/O ports. Calls come on a vCPU's thread with the machine's device lock held; they must not block.
/// The guest chooses port and value: every combination must have a defined result.
/// </summary>
public interface IPortDevice
{
    /// <summary>Reads <paramref name="sizeBytes"/> (1, 2 or 4) bytes at <paramref name="offset"/> from the start of the claimed range.</summary>
    IoResult ReadPort(ushort offset, int sizeBytes, out uint value);

    /// <summary>Writes the low <paramref name="sizeBytes"/> (1, 2 or 4) bytes of <paramref name="value"/>; the bits above are zero.</summary>
    IoResult WritePort(ushort offset, int sizeBytes, uint value);
}
