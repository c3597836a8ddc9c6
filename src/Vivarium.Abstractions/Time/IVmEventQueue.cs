namespace Vivarium;

/// <summary>The one door through which the outside reaches a machine: completions, frames, key strokes, host calls. Any thread.</summary>
public interface IVmEventQueue
{
    /// <summary>Queues <paramref name="action"/> to run soon with the machine's device lock held. Order of posting is kept.</summary>
    void Post(Action action);
}
