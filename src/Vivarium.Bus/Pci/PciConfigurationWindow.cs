namespace Vivarium.Bus;

/// <summary>
/// The enhanced configuration access mechanism (PCI Express Base 2.0 §7.2.2): bus 0's configuration space in guest-physical memory, 4,096 bytes for
/// each function. Map it with <see cref="SizeBytes"/> at a multiple of it, and name the place in the ACPI table MCFG. It has no state.
/// </summary>
/// <param name="bus">Whose configuration space this shows.</param>
public sealed class PciConfigurationWindow(PciBus bus) : IMmioDevice
{
    /// <summary>How many bytes bus 0 takes: 1 MiB.</summary>
    public const uint SizeBytes = 1 << 20;

    private const int FunctionBytes = PciRegister.ExtendedSpaceBytes;

    private readonly PciBus _bus = bus ?? throw new ArgumentNullException(nameof(bus));

    /// <inheritdoc/>
    public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        if (!TryFind(offset, sizeBytes, out var function, out var register))
        {
            return IoResult.BadSize;
        }

        value = _bus.ReadConfiguration(function, register, sizeBytes);
        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value)
    {
        if (!TryFind(offset, sizeBytes, out var function, out var register))
        {
            return IoResult.BadSize;
        }

        _bus.WriteConfiguration(function, register, sizeBytes, (uint)value);
        return IoResult.Ok;
    }

    /// <summary>An access of eight bytes, or into the next function, is made in halves.</summary>
    private static bool TryFind(ulong offset, int sizeBytes, out PciAddress function, out int register)
    {
        var index = (int)(offset / FunctionBytes);
        register = (int)(offset % FunctionBytes);
        function = new PciAddress(index / PciAddress.FunctionCount, index % PciAddress.FunctionCount);
        return sizeBytes <= sizeof(uint) && register + sizeBytes <= FunctionBytes;
    }
}
