namespace Vivarium.Bus;

/// <summary>
/// The host bridge as guests find it in slot 0: identification alone, as all that it does is done by <see cref="PciBus"/>. It has no state.
/// </summary>
/// <param name="vendorId">The vendor ID. Default Red Hat's, with whose generic bridge operating systems need no driver and do nothing.</param>
/// <param name="deviceId">The device ID. Default QEMU's generic PCI Express host bridge.</param>
/// <param name="registers">Registers that firmware expects of a certain chipset. Default none.</param>
public sealed class PciHostBridge(ushort vendorId = 0x1B36, ushort deviceId = 0x0008, params IReadOnlyList<PciRegisters> registers) : IPciFunction
{
    /// <inheritdoc/>
    public PciFunctionDescription Description { get; } = new()
    {
        VendorId = vendorId,
        DeviceId = deviceId,
        ClassCode = 0x060000,
        SubsystemVendorId = 0x1AF4,
        SubsystemId = 0x1100,
        Registers = registers,
    };

    /// <inheritdoc/>
    public string StateName => "pci-host-bridge";

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
}
