namespace Vivarium.Devices;

/// <summary>
/// The two cascaded 8259As of a PC with the edge/level control registers: 16 pins, of which pin 2 is the cascade. The master's INT output
/// drives one line; the processor answers with <see cref="Acknowledge"/>. All members are called with the device lock held.
/// </summary>
public sealed partial class Pic8259Pair : IInterruptInput, IExternalInterruptSource, IStateUnit
{
    private const int CascadePin = 2;

    private readonly IrqLine _interruptOutput;

    /// <summary>Creates the pair in its power-on state.</summary>
    /// <param name="interruptOutput">The INTR wire: LINT0 of the local APICs, or the processor's pin.</param>
    public Pic8259Pair(IrqLine interruptOutput)
    {
        _interruptOutput = interruptOutput;
        Master = new Pic8259(CascadePin, levelSelectable: 0xF8, UpdateOutput);
        Slave = new Pic8259(cascadePin: -1, levelSelectable: 0xDE, UpdateCascade);
        EdgeLevelPorts = new BytePorts(2, ReadEdgeLevel, WriteEdgeLevel);
    }

    /// <summary>The first chip: ports 0x20 and 0x21.</summary>
    public Pic8259 Master { get; }

    /// <summary>The second chip: ports 0xA0 and 0xA1.</summary>
    public Pic8259 Slave { get; }

    /// <summary>The edge/level control registers: ports 0x4D0 and 0x4D1.</summary>
    public IPortDevice EdgeLevelPorts { get; }

    /// <inheritdoc/>
    public int PinCount => 16;

    /// <inheritdoc/>
    public void SetPin(int pin, bool level)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pin);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(pin, PinCount);
        if (pin >= 8)
        {
            Slave.SetPin(pin - 8, level);
        }
        else if (pin != CascadePin)
        {
            Master.SetPin(pin, level);
        }
    }

    /// <inheritdoc/>
    public int Acknowledge()
    {
        var pin = Master.AcknowledgePin();
        var vector = Master.VectorOf(pin);
        if (pin == CascadePin)
        {
            vector = Slave.VectorOf(Slave.AcknowledgePin());
            UpdateCascade();
        }

        UpdateOutput();
        return vector;
    }

    private void UpdateOutput() => _interruptOutput.SetLevel(Master.Output);

    private void UpdateCascade() => Master.SetPin(CascadePin, Slave.Output);

    private byte ReadEdgeLevel(int offset) => (offset == 0 ? Master : Slave).EdgeLevelControl;

    private void WriteEdgeLevel(int offset, byte value) => (offset == 0 ? Master : Slave).EdgeLevelControl = value;
}
