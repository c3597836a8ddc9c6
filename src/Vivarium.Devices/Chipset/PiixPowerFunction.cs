using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>
/// The power management function of Intel's PIIX4 (data sheet 290562, §7): it shows firmware where <see cref="AcpiPowerManagement"/> is, which stays
/// there. System management interrupts are shown as set up already, as under KVM without them, and the SMBus as switched off.
/// </summary>
/// <param name="port">The first port of the power management block, a multiple of 64.</param>
public sealed class PiixPowerFunction(ushort port = 0x600) : IPciFunction
{
    private const int BaseOffset = 0x40;
    private const int ActivityOffset = 0x58;
    private const uint ApmEnabled = 1 << 25;
    private const int EnableOffset = 0x80;

    /// <inheritdoc/>
    public PciFunctionDescription Description { get; } = new()
    {
        VendorId = 0x8086,
        DeviceId = 0x7113,
        ClassCode = 0x068000,
        RevisionId = 3,
        SubsystemVendorId = 0x1AF4,
        SubsystemId = 0x1100,
        Registers =
        [
            new PciRegisters(BaseOffset, Bytes(port | 1u)),
            new PciRegisters(ActivityOffset, Bytes(ApmEnabled)),
            new PciRegisters(EnableOffset, [1]),
        ],
    };

    /// <inheritdoc/>
    public string StateName => "piix-pm";

    /// <inheritdoc/>
    public void Reset()
    {
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
    }

    private static byte[] Bytes(uint value)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }
}
