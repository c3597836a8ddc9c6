namespace Vivarium.Devices;

/// <summary>
/// Port 0xF0 of a PC/AT: latches the processor's FERR# and raises IRQ 13; a write to the port lowers it. Guests that keep CR0.NE clear (DOS)
/// learn of x87 errors so. Called with the device lock held.
/// </summary>
public sealed class CoprocessorErrorPort : IPortDevice, IStateUnit
{
    private readonly IrqLine _irq;

    /// <summary>Creates the port.</summary>
    /// <param name="irq">IRQ 13.</param>
    public CoprocessorErrorPort(IrqLine irq) => _irq = irq;

    /// <inheritdoc/>
    public string StateName => "ferr";

    /// <summary>Takes the level of FERR#: asserting it raises the interrupt, which stays until the guest writes the port.</summary>
    public void SetFerr(bool level)
    {
        if (level)
        {
            _irq.SetLevel(true);
        }
    }

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = 0xFF;
        return sizeBytes == 1 ? IoResult.NoRegister : IoResult.BadSize;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        _irq.SetLevel(false);
        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public void Reset() => _irq.SetLevel(false);

    /// <inheritdoc/>
    public void Save(StateWriter writer) => writer.Write(1, _irq.Level);

    /// <inheritdoc/>
    public void Restore(StateReader reader) => _irq.SetLevel(reader.ReadBoolean(1));
}
