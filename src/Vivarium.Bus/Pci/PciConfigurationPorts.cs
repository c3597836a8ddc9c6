namespace Vivarium.Bus;

/// <summary>
/// Configuration mechanism 1 (PCI Local Bus 3.0 §3.2.2.3.2): the address at port 0xCF8, whole double words only, and the data at 0xCFC to 0xCFF at any
/// width. Map it at 0xCF8 with <see cref="PortCount"/> ports. The PC's reset control register lies inside, at 0xCF9, for bytes; so it is given here.
/// </summary>
/// <param name="bus">Whose configuration space this reaches. Other bus numbers are empty.</param>
/// <param name="resetControl">Answers bytes at port 0xCF9; null if nobody does.</param>
public sealed class PciConfigurationPorts(PciBus bus, IPortDevice? resetControl = null) : IPortDevice, IStateUnit
{
    /// <summary>How many ports the block takes.</summary>
    public const int PortCount = 8;

    private const uint Enabled = 0x8000_0000;
    private const uint AddressBits = 0x80FF_FFFC;
    private const int DataOffset = 4;

    private readonly PciBus _bus = bus ?? throw new ArgumentNullException(nameof(bus));
    private uint _address;

    /// <inheritdoc/>
    public string StateName => "pci-ports";

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = _address;
        if (offset == 0 && sizeBytes == sizeof(uint))
        {
            return IoResult.Ok;
        }

        if (offset == 1 && sizeBytes == 1 && resetControl is not null)
        {
            return resetControl.ReadPort(0, 1, out value);
        }

        if (offset < DataOffset)
        {
            return IoResult.NoRegister;
        }

        value = TryFind(out var function)
            ? _bus.ReadConfiguration(function, Register(offset), sizeBytes)
            : uint.MaxValue;
        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (offset == 0 && sizeBytes == sizeof(uint))
        {
            _address = value & AddressBits;
            return IoResult.Ok;
        }

        if (offset == 1 && sizeBytes == 1 && resetControl is not null)
        {
            return resetControl.WritePort(0, 1, value);
        }

        if (offset < DataOffset)
        {
            return IoResult.NoRegister;
        }

        if (TryFind(out var function))
        {
            _bus.WriteConfiguration(function, Register(offset), sizeBytes, value);
        }

        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public void Reset() => _address = 0;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(1, (ulong)_address);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        _address = reader.ReadUInt32(1) & AddressBits;
    }

    private int Register(ushort offset) => (int)(_address & 0xFC) + offset - DataOffset;

    private bool TryFind(out PciAddress function)
    {
        function = new PciAddress((int)(_address >> 11) & 0x1F, (int)(_address >> 8) & 7);
        return (_address & Enabled) != 0 && ((_address >> 16) & 0xFF) == 0;
    }
}
