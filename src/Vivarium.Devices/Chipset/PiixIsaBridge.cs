namespace Vivarium.Devices;

/// <summary>
/// The ISA bridge of Intel's PIIX3 (data sheet 290550, §2.2): identification, and the four PIRQ registers with the routing that the board has soldered,
/// which they show and firmware cannot change. What it bridges to is on the board.
/// </summary>
/// <param name="pirqIrqs">The ISA interrupts of PIRQA# to PIRQD#.</param>
public sealed class PiixIsaBridge(IReadOnlyList<byte> pirqIrqs) : IPciFunction
{
    private const int PirqOffset = 0x60;

    /// <inheritdoc/>
    public PciFunctionDescription Description { get; } = new()
    {
        VendorId = 0x8086,
        DeviceId = 0x7000,
        ClassCode = 0x060100,
        SubsystemVendorId = 0x1AF4,
        SubsystemId = 0x1100,
        Registers = [new PciRegisters(PirqOffset, pirqIrqs.ToArray())],
    };

    /// <inheritdoc/>
    public string StateName => "piix-isa";

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
