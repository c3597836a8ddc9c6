using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>
/// The adapter's EEPROM of 64 words, read by register or bit by bit as a Microwire part (the manual's §5.3 and §13.4.3; 93C46 data sheets).
/// It is not written.
/// </summary>
internal sealed class E1000Eeprom
{
    private const int WordCount = 64;
    private const ushort ChecksumTarget = 0xBABA;
    private const uint Clock = 1;
    private const uint Select = 2;
    private const uint DataIn = 4;
    private const uint DataOut = 8;
    private const uint Request = 1 << 6;
    private const uint Grant = 1 << 7;
    private const uint Present = 1 << 8;
    private const uint DriverBits = Clock | Select | DataIn | 0x30 | Request;
    private const int CommandBits = 9;
    private const uint ReadCommand = 6;

    private readonly ushort[] _words = new ushort[WordCount];

    public E1000Eeprom(MacAddress address)
    {
        Span<byte> bytes = stackalloc byte[6];
        address.Write(bytes);
        for (var i = 0; i < 3; i++)
        {
            _words[i] = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]);
        }

        _words[0x0A] = 0x4402;
        _words[0x0B] = E1000.DeviceId;
        _words[0x0C] = E1000.VendorId;
        _words[0x0D] = E1000.DeviceId;
        _words[0x0E] = E1000.VendorId;
        var sum = 0;
        foreach (var word in _words)
        {
            sum += word;
        }

        _words[WordCount - 1] = (ushort)(ChecksumTarget - sum);
    }

    /// <summary>The driver's side of the wires.</summary>
    public uint Wires { get; set; }

    /// <summary>Bits that came since the part was selected, the last one lowest.</summary>
    public uint Shifted { get; set; }

    public int BitCount { get; set; }

    /// <summary>What goes out next, from its highest bit, and how many bits of it are out; 0 bits if nothing is read.</summary>
    public int OutputAddress { get; set; } = -1;

    public int OutputBit { get; set; }

    public uint ReadWires() => Wires | Grant | Present | (OutputAddress < 0 || OutputLevel ? DataOut : 0);

    public void WriteWires(uint value)
    {
        var before = Wires;
        Wires = value & DriverBits;
        if ((Wires & Select) == 0)
        {
            return;
        }

        if ((before & Select) == 0)
        {
            Reset();
            Wires = value & DriverBits;
        }

        // Everything happens as the clock rises.
        if ((Wires & ~before & Clock) == 0)
        {
            return;
        }

        if (OutputAddress >= 0)
        {
            OutputBit++;
            if (OutputBit > 16)
            {
                OutputBit = 1;
                OutputAddress = (OutputAddress + 1) % WordCount;
            }

            return;
        }

        Shifted = (Shifted << 1) | ((Wires & DataIn) != 0 ? 1u : 0);
        if (++BitCount == CommandBits)
        {
            OutputAddress = ((Shifted >> 6) & 7) == ReadCommand ? (int)(Shifted % WordCount) : -1;
            OutputBit = 0;
        }
    }

    public ushort Word(int address) => _words[address % WordCount];

    public void Reset()
    {
        Wires = 0;
        Shifted = 0;
        BitCount = 0;
        OutputAddress = -1;
        OutputBit = 0;
    }

    /// <summary>A zero comes before the word's bits.</summary>
    private bool OutputLevel => OutputBit > 0 && ((_words[OutputAddress] >> (16 - OutputBit)) & 1) != 0;
}
