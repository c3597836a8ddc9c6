using System.Collections.Concurrent;

namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>An event queue that runs what was posted when it is told, on the test's thread.</summary>
internal sealed class ManualEvents : IVmEventQueue
{
    private readonly BlockingCollection<Action> _actions = [];

    public void Post(Action action) => _actions.Add(action);

    public void RunAll()
    {
        while (_actions.TryTake(out var action))
        {
            action();
        }
    }

    /// <summary>Runs actions, waiting for them if need be, until the condition holds.</summary>
    public void RunUntil(Func<bool> condition)
    {
        RunAll();
        while (!condition())
        {
            Assert.True(_actions.TryTake(out var action, TimeSpan.FromSeconds(20)), "Nothing was posted in 20 seconds.");
            action!();
        }
    }
}
