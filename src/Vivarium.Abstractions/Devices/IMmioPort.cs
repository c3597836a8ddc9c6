namespace Vivarium;

/// <summary>Guest-physical space outside RAM as a vCPU sees it. Implemented by the bus; takes the device lock itself. Never throws for any guest input.</summary>
public interface IMmioPort
{
    /// <summary>Reads 1, 2, 4 or 8 bytes at <paramref name="gpa"/>. Unclaimed addresses answer all ones.</summary>
    ulong ReadMmio(ulong gpa, int sizeBytes);

    /// <summary>Writes 1, 2, 4 or 8 bytes at <paramref name="gpa"/>. Unclaimed addresses swallow the value.</summary>
    void WriteMmio(ulong gpa, int sizeBytes, ulong value);
}
