namespace Vivarium.Virtio.Tests.Fakes;

internal sealed class FakePciHost : IPciHost
{
    public List<int> Messages { get; } = [];

    public bool Pin { get; private set; }

    public bool IsMsiXEnabled { get; set; }

    public bool IsMsiEnabled => false;

    public bool IsBusMaster { get; set; } = true;

    public bool SignalMessage(int vector)
    {
        if (IsMsiXEnabled)
        {
            Messages.Add(vector);
        }

        return IsMsiXEnabled;
    }

    public void SetInterruptPin(bool level) => Pin = level;
}
