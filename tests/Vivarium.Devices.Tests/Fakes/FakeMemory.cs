namespace Vivarium.Devices.Tests.Fakes;

/// <summary>Guest RAM from address 0.</summary>
internal sealed class FakeMemory(int sizeBytes = 1 << 20) : IGuestMemory
{
    public byte[] Bytes { get; } = new byte[sizeBytes];

    /// <summary>Called before each write, with its address.</summary>
    public Action<ulong>? Writing { get; set; }

    public ulong RamSizeBytes => (ulong)sizeBytes;

    public bool TryRead(ulong gpa, Span<byte> destination)
    {
        if (!Fits(gpa, destination.Length))
        {
            return false;
        }

        Bytes.AsSpan((int)gpa, destination.Length).CopyTo(destination);
        return true;
    }

    public bool TryWrite(ulong gpa, ReadOnlySpan<byte> source)
    {
        if (!Fits(gpa, source.Length))
        {
            return false;
        }

        Writing?.Invoke(gpa);
        source.CopyTo(Bytes.AsSpan((int)gpa));
        return true;
    }

    private bool Fits(ulong gpa, int length) => gpa <= (ulong)sizeBytes && (ulong)length <= (ulong)sizeBytes - gpa;
}
