namespace Vivarium.Memory;

/// <summary>
/// Takes cached page pointers back from vCPUs, and stops them all for an exclusive operation. A vCPU acknowledges at a boundary; a parked
/// one counts as having acknowledged and drops its tags when it enters again. Whoever waits here counts as parked itself, so that vCPUs
/// which revoke from each other cannot deadlock. A vCPU parks (<see cref="RevocationParticipant.Leave"/>) before it blocks on anything
/// else, the device lock above all.
/// </summary>
public sealed class PageRevocation
{
    private readonly Lock _registration = new();
    private volatile RevocationParticipant[] _participants = [];
    private readonly RevocationLog _log = new();
    private int _exclusiveThread;

    /// <summary>What was revoked, by number.</summary>
    internal RevocationLog Log => _log;

    /// <summary>Whether any vCPU runs now.</summary>
    internal bool AnyRunning => _participants.Any(participant => participant.IsRunning);

    /// <summary>
    /// Waits until no vCPU but <paramref name="self"/> is in the middle of a write that began before: see <see cref="RevocationParticipant.BeginWrite"/>.
    /// That is a matter of nanoseconds.
    /// </summary>
    public void WaitForWriters(RevocationParticipant? self)
    {
        Interlocked.MemoryBarrier();
        foreach (var participant in _participants)
        {
            var wait = default(SpinWait);
            while (participant.IsWriting && !ReferenceEquals(participant, self))
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
        }
    }

    /// <summary>Adds a holder of cached page pointers, parked.</summary>
    public RevocationParticipant Register(IPageTagHolder holder)
    {
        ArgumentNullException.ThrowIfNull(holder);
        var participant = new RevocationParticipant(this, holder);
        lock (_registration)
        {
            _participants = [.. _participants, participant];
        }

        return participant;
    }

    /// <summary>Removes a parked participant; it must not enter again.</summary>
    public void Unregister(RevocationParticipant participant)
    {
        lock (_registration)
        {
            _participants = [.. _participants.Where(each => !ReferenceEquals(each, participant))];
        }
    }

    /// <summary>
    /// Makes every participant drop its tags and waits until all running ones but <paramref name="self"/> have; <paramref name="self"/> drops
    /// its own at once.
    /// </summary>
    /// <param name="self">The participant that the calling thread runs; if null, it is looked for.</param>
    /// <param name="hostPage">The host address of the only page whose tags must go; 0 for all of them.</param>
    public void Revoke(RevocationParticipant? self, nint hostPage = 0)
    {
        self = Leave(self);
        var epoch = _log.Add(hostPage);
        foreach (var participant in _participants)
        {
            WaitFor(participant, epoch);
        }

        self?.Enter();
    }

    /// <summary>
    /// Waits until every other participant stands at a boundary or is parked, and holds them there until <see cref="EndExclusive"/>.
    /// Competing callers take turns.
    /// </summary>
    /// <param name="self">The participant that the calling thread runs; if null, it is looked for.</param>
    /// <exception cref="InvalidOperationException">The calling thread already holds the others.</exception>
    public void BeginExclusive(RevocationParticipant? self)
    {
        var thread = Environment.CurrentManagedThreadId;
        if (Volatile.Read(ref _exclusiveThread) == thread)
        {
            throw new InvalidOperationException("This thread has begun an exclusive operation already; end that one first.");
        }

        self = Leave(self);
        var wait = default(SpinWait);
        while (Interlocked.CompareExchange(ref _exclusiveThread, thread, 0) != 0)
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }

        foreach (var participant in _participants)
        {
            WaitFor(participant, long.MaxValue);
        }

        self?.Enter();
    }

    /// <summary>Lets the others go on.</summary>
    /// <param name="self">The participant that the calling thread runs, or null.</param>
    /// <exception cref="InvalidOperationException">The calling thread has not begun an exclusive operation.</exception>
    public void EndExclusive(RevocationParticipant? self)
    {
        if (Interlocked.CompareExchange(ref _exclusiveThread, 0, Environment.CurrentManagedThreadId) != Environment.CurrentManagedThreadId)
        {
            throw new InvalidOperationException("This thread has begun no exclusive operation.");
        }
    }

    /// <summary>Parks the participant that the calling thread runs and returns it; null if it runs none.</summary>
    internal RevocationParticipant? LeaveCurrent() => Leave(null);

    /// <summary>Whether another thread wants or has the vCPUs stopped.</summary>
    internal bool IsHeldByOther(int thread)
    {
        var holder = Volatile.Read(ref _exclusiveThread);
        return holder != 0 && holder != thread;
    }

    /// <summary>Waits until the participant is parked or has acknowledged <paramref name="epoch"/>.</summary>
    private static void WaitFor(RevocationParticipant participant, long epoch)
    {
        var wait = default(SpinWait);
        while (participant.IsRunning && participant.Acknowledged < epoch)
        {
            // Asked again and again: the vCPU may clear a request that it saw before the epoch that it stands for.
            if (wait.Count % 32 == 0)
            {
                participant.Kick();
            }

            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    private RevocationParticipant? Leave(RevocationParticipant? self)
    {
        if (self is null)
        {
            var thread = Environment.CurrentManagedThreadId;
            foreach (var participant in _participants)
            {
                if (participant.IsRunningOn(thread))
                {
                    self = participant;
                }
            }
        }

        if (self is null || !self.IsRunning)
        {
            return null;
        }

        self.Leave();
        return self;
    }
}
