namespace Vivarium.Devices.Tests.Fakes;

internal sealed class RecordingIrqLine : IrqLine
{
    /// <summary>How often the line rose.</summary>
    public int Rises { get; private set; }

    protected override void OnLevelChanged(bool level) => Rises += level ? 1 : 0;
}
