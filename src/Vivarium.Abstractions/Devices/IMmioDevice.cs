namespace Vivarium;

/// <summary>
/// A device behind guest-physical addresses. Calls come on a vCPU's thread with the machine's device lock held; they must not block.
/// The guest chooses offset and value: every combination must have a defined result.
/// </summary>
public interface IMmioDevice
{
    /// <summary>Reads <paramref name="sizeBytes"/> (1, 2, 4 or 8) bytes at <paramref name="offset"/> from the start of the claimed region.</summary>
    IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value);

    /// <summary>Writes the low <paramref name="sizeBytes"/> (1, 2, 4 or 8) bytes of <paramref name="value"/>; the bits above are zero.</summary>
    IoResult WriteMmio(ulong offset, int sizeBytes, ulong value);
}
