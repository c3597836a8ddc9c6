namespace Vivarium.Devices;

public sealed partial class Pic8259Pair
{
    /// <inheritdoc/>
    public string StateName => "pic";

    /// <inheritdoc/>
    public void Reset()
    {
        Slave.ResetRegisters();
        Master.ResetRegisters();
        UpdateCascade();
        UpdateOutput();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        Master.Save(writer, 1);
        Slave.Save(writer, 2);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        Master.Restore(reader, 1);
        Slave.Restore(reader, 2);
        UpdateOutput();
    }
}
