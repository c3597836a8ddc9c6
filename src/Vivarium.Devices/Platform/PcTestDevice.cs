namespace Vivarium.Devices;

/// <summary>
/// What test images of other projects find beside a PC, as QEMU's <c>pc-testdev</c>: four bytes that hold what is written, a port that takes page
/// flushes, which mean nothing here, a port for the level of each interrupt line, and 64 KiB that behave like a device's memory.
/// Called with the device lock held.
/// </summary>
public sealed class PcTestDevice : IMmioDevice, IStateUnit
{
    /// <summary>The first of the four ports that hold what is written; 0xE9 is the debug console's, so that only the first is at 0xE8 again.</summary>
    public const ushort LatchPort = 0xE0;

    /// <summary>Page flushes: four ports.</summary>
    public const ushort FlushPort = 0xE4;

    /// <summary>The first byte once more.</summary>
    public const ushort LatchAliasPort = 0xE8;

    /// <summary>The first of the ports of interrupt lines.</summary>
    public const ushort LinePort = 0x2000;

    /// <summary>Where its memory is.</summary>
    public const ulong MemoryGpa = 0xFF00_0000;

    /// <summary>Bytes of its memory.</summary>
    public const int MemoryBytes = 64 << 10;

    /// <summary>Interrupt lines, and so ports for them.</summary>
    public const int LineCount = 24;

    private const int LatchBytes = 4;

    private readonly IrqLine[] _lines;
    private readonly byte[] _latch = new byte[LatchBytes];
    private readonly byte[] _memory = new byte[MemoryBytes];

    /// <summary>Creates the device.</summary>
    /// <param name="lines">A line to each of the global system interrupts 0 to 23.</param>
    /// <exception cref="ArgumentException">There are not 24.</exception>
    public PcTestDevice(IEnumerable<IrqLine> lines)
    {
        _lines = [.. lines];
        if (_lines.Length != LineCount)
        {
            throw new ArgumentException($"The test device drives {LineCount} interrupt lines, not {_lines.Length}.", nameof(lines));
        }

        Latch = new BytePorts(LatchBytes, offset => _latch[offset], (offset, value) => _latch[offset] = value);
        Flush = new BytePorts(LatchBytes, static _ => 0, static (_, _) => { });
        Lines = new BytePorts(LineCount, offset => _lines[offset].Level ? (byte)1 : (byte)0, (offset, value) => _lines[offset].SetLevel(value != 0));
    }

    /// <summary>The four bytes.</summary>
    public IPortDevice Latch { get; }

    /// <summary>Page flushes.</summary>
    public IPortDevice Flush { get; }

    /// <summary>A port for each line: 0 lowers it, all else raises it.</summary>
    public IPortDevice Lines { get; }

    /// <inheritdoc/>
    public string StateName => "pc-testdev";

    /// <inheritdoc/>
    public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        if (!IsInside(offset, sizeBytes))
        {
            return IoResult.NoRegister;
        }

        for (var i = sizeBytes - 1; i >= 0; i--)
        {
            value = (value << 8) | _memory[(int)offset + i];
        }

        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value)
    {
        if (!IsInside(offset, sizeBytes))
        {
            return IoResult.NoRegister;
        }

        for (var i = 0; i < sizeBytes; i++, value >>= 8)
        {
            _memory[(int)offset + i] = (byte)value;
        }

        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public void Reset()
    {
        Array.Clear(_latch);
        Array.Clear(_memory);
        SetLines(0);
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, _latch);
        writer.Write(2, _memory);
        writer.Write(3, _lines.Select((line, index) => line.Level ? 1UL << index : 0).Aggregate(static (all, one) => all | one));
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        reader.ReadBytes(1, _latch);
        reader.ReadBytes(2, _memory);
        SetLines(reader.ReadUInt64(3));
    }

    private static bool IsInside(ulong offset, int sizeBytes) => offset <= (ulong)(MemoryBytes - sizeBytes);

    private void SetLines(ulong levels)
    {
        for (var i = 0; i < LineCount; i++)
        {
            _lines[i].SetLevel((levels >> i & 1) != 0);
        }
    }
}
