namespace Vivarium.X86;

/// <summary>A bus without devices: reads give all ones, writes are dropped.</summary>
internal sealed class UnclaimedIo : IPortIo, IMmioPort
{
    public uint ReadPort(ushort port, int sizeBytes) => uint.MaxValue >> (32 - (8 * sizeBytes));

    public void WritePort(ushort port, int sizeBytes, uint value)
    {
    }

    public ulong ReadMmio(ulong gpa, int sizeBytes) => ulong.MaxValue >> (64 - (8 * sizeBytes));

    public void WriteMmio(ulong gpa, int sizeBytes, ulong value)
    {
    }
}
