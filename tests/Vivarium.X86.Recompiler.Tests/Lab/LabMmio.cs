namespace Vivarium.X86.Tests;

/// <summary>A device that answers reads by address and order, and keeps a log.</summary>
internal sealed class LabMmio : IMmioPort
{
    public List<(ulong Gpa, int SizeBytes, ulong Value, bool IsWrite)> Log { get; } = [];

    public ulong ReadMmio(ulong gpa, int sizeBytes)
    {
        var value = (gpa + (ulong)Log.Count + 1) * 0x9E3779B97F4A7C15;
        value = sizeBytes == 8 ? value : value & ((1UL << (sizeBytes * 8)) - 1);
        Log.Add((gpa, sizeBytes, value, false));
        return value;
    }

    public void WriteMmio(ulong gpa, int sizeBytes, ulong value) => Log.Add((gpa, sizeBytes, value, true));
}
