namespace Vivarium.Devices.Tests.Fakes;

/// <summary>A place on a bus without one; counts messages, and shows the pin.</summary>
internal sealed class FakePciHost : IPciHost
{
    public bool UsesMessages { get; set; }

    public bool IsMsiXEnabled => UsesMessages;

    public bool IsMsiEnabled => UsesMessages;

    public bool IsBusMaster { get; set; } = true;

    public bool Pin { get; private set; }

    public List<int> Messages { get; } = [];

    public bool SignalMessage(int vector)
    {
        if (UsesMessages)
        {
            Messages.Add(vector);
        }

        return UsesMessages;
    }

    public void SetInterruptPin(bool level) => Pin = level;
}

/// <summary>Events that wait for the test.</summary>
internal sealed class FakeEvents : IVmEventQueue
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<Action> _posted = new();

    public void Post(Action action) => _posted.Enqueue(action);

    public void RunAll()
    {
        while (_posted.TryDequeue(out var action))
        {
            action();
        }
    }
}
