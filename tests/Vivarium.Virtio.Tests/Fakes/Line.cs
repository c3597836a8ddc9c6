namespace Vivarium.Virtio.Tests.Fakes;

internal sealed class Line : IrqLine
{
    public int Rises { get; private set; }

    protected override void OnLevelChanged(bool level) => Rises += level ? 1 : 0;
}
