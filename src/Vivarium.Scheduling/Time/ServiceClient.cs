namespace Vivarium.Scheduling;

/// <summary>Something that the timer service runs when its deadline has come.</summary>
internal abstract class ServiceClient : DeadlineHeap<ServiceClient>.Node
{
    /// <summary>When it wants to run next, in host time; <see cref="long.MaxValue"/> for never. Any thread.</summary>
    public abstract long NextDeadlineNs { get; }

    /// <summary>Does what is due. On the service's thread; must not throw.</summary>
    public abstract void RunDue();
}
