namespace Vivarium.Bus.Tests.Fakes;

/// <summary>Answers accesses up to a width with bytes that name their offset, and records every call it carried out.</summary>
internal sealed class RecordingDevice(int maximumSizeBytes = 8, int minimumSizeBytes = 1) : IPortDevice, IMmioDevice
{
    public List<(bool IsWrite, ulong Offset, int SizeBytes, ulong Value)> Calls { get; } = [];

    public IoResult Answer { get; set; } = IoResult.Ok;

    public byte Tag { get; init; }

    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        var result = ReadMmio(offset, sizeBytes, out var wide);
        value = (uint)wide;
        return result;
    }

    public IoResult WritePort(ushort offset, int sizeBytes, uint value) => WriteMmio(offset, sizeBytes, value);

    public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        if (sizeBytes > maximumSizeBytes || sizeBytes < minimumSizeBytes)
        {
            return IoResult.BadSize;
        }

        for (var i = 0; i < sizeBytes; i++)
        {
            value |= (ulong)(byte)(Tag + offset + (ulong)i) << (8 * i);
        }

        Calls.Add((false, offset, sizeBytes, value));
        return Answer;
    }

    public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value)
    {
        if (sizeBytes > maximumSizeBytes || sizeBytes < minimumSizeBytes)
        {
            return IoResult.BadSize;
        }

        Calls.Add((true, offset, sizeBytes, value));
        return Answer;
    }
}
