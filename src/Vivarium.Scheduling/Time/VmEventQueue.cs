using System.Collections.Concurrent;

namespace Vivarium.Scheduling;

/// <summary>
/// A machine's door for completions, input and host calls. Actions run on the timer service's thread, in order, with the device lock held;
/// while the machine is stopped they wait. Created stopped.
/// </summary>
public sealed class VmEventQueue : IVmEventQueue, IDisposable
{
    /// <summary>How many actions run before others get the device lock.</summary>
    private const int BatchSize = 64;

    private readonly ConcurrentQueue<Action> _actions = new();
    private readonly Client _client;
    private readonly VmTimerService _service;
    private readonly Lock _deviceLock;
    private readonly Action<Exception> _onFailed;
    private volatile bool _running;

    /// <summary>Creates the queue.</summary>
    /// <param name="service">Delivers the actions.</param>
    /// <param name="deviceLock">The machine's device lock, held around every action.</param>
    /// <param name="onFailed">Hears of an exception from an action, which is a defect of who posted it. Called with the device lock held; must only take note.</param>
    public VmEventQueue(VmTimerService service, Lock deviceLock, Action<Exception> onFailed)
    {
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(onFailed);
        _service = service;
        _deviceLock = deviceLock ?? throw new ArgumentNullException(nameof(deviceLock));
        _onFailed = onFailed;
        _client = new Client(this);
    }

    /// <inheritdoc/>
    public void Post(Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        _actions.Enqueue(action);
        if (_running)
        {
            _service.Request(_client, 0);
        }
    }

    /// <summary>Delivers from now on, what waits first.</summary>
    public void Start()
    {
        _running = true;
        _service.Request(_client, 0);
    }

    /// <summary>Delivers all that was posted so far, then nothing until <see cref="Start"/>. Call with the device lock held and the vCPUs parked.</summary>
    public void Stop()
    {
        _running = false;
        RunBatch(_actions.Count);
    }

    /// <summary>Leaves the timer service and drops what was not delivered.</summary>
    public void Dispose()
    {
        _running = false;
        _service.Remove(_client);
        _actions.Clear();
    }

    private void Deliver()
    {
        lock (_deviceLock)
        {
            if (_running)
            {
                RunBatch(BatchSize);
            }
        }
    }

    private void RunBatch(int count)
    {
        while (count-- > 0 && _actions.TryDequeue(out var action))
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                _onFailed(exception);
            }
        }
    }

    private sealed class Client(VmEventQueue queue) : ServiceClient
    {
        public override long NextDeadlineNs => queue._running && !queue._actions.IsEmpty ? 0 : long.MaxValue;

        public override void RunDue() => queue.Deliver();
    }
}
