namespace Vivarium.Memory;

/// <summary>One vCPU's part in <see cref="PageRevocation"/>. Called on the vCPU's thread.</summary>
public sealed class RevocationParticipant
{
    private readonly PageRevocation _owner;
    private readonly IPageTagHolder _holder;

    /// <summary>The managed thread that runs the vCPU; 0 while it is parked.</summary>
    private int _thread;
    private int _isWriting;
    private long _acknowledged;

    internal RevocationParticipant(PageRevocation owner, IPageTagHolder holder)
    {
        _owner = owner;
        _holder = holder;
        _acknowledged = owner.Log.Last;
    }

    internal bool IsRunning => Volatile.Read(ref _thread) != 0;

    internal bool IsWriting => Volatile.Read(ref _isWriting) != 0;

    internal long Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>
    /// The vCPU begins to run, or comes back from a device or another wait: waits out an exclusive operation and drops tags that were
    /// revoked while it was parked.
    /// </summary>
    public void Enter()
    {
        var thread = Environment.CurrentManagedThreadId;
        var wait = default(SpinWait);
        while (true)
        {
            // A full fence: either a revoker sees us running, or we see its epoch.
            Interlocked.Exchange(ref _thread, thread);
            if (!_owner.IsHeldByOther(thread))
            {
                break;
            }

            Leave();
            while (_owner.IsHeldByOther(thread))
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
        }

        Acknowledge();
    }

    /// <summary>The vCPU is parked, or about to block: it counts as having acknowledged everything and uses no tag until <see cref="Enter"/>.</summary>
    public void Leave() => Volatile.Write(ref _thread, 0);

    /// <summary>At an instruction boundary: acknowledges revocations and waits out an exclusive operation.</summary>
    public void Poll()
    {
        Acknowledge();
        if (_owner.IsHeldByOther(Environment.CurrentManagedThreadId))
        {
            Leave();
            Enter();
        }
    }

    /// <summary>
    /// The vCPU is about to look whether bytes are marked as code and to write them if they are not. A full fence: a translator that marks more either
    /// has marked it before, or waits in <see cref="PageRevocation.WaitForWriters"/> until <see cref="EndWrite"/>. Until then the vCPU must not wait for anything.
    /// </summary>
    public void BeginWrite() => Interlocked.Exchange(ref _isWriting, 1);

    /// <summary>What was to be written is written.</summary>
    public void EndWrite() => Volatile.Write(ref _isWriting, 0);

    internal bool IsRunningOn(int thread) => Volatile.Read(ref _thread) == thread;

    internal void Kick() => _holder.RequestPoll();

    private void Acknowledge()
    {
        var last = _owner.Log.Last;
        if (last != _acknowledged)
        {
            DropTags(last);
            Volatile.Write(ref _acknowledged, last);
        }
    }

    private void DropTags(long last)
    {
        for (var number = _acknowledged + 1; number <= last; number++)
        {
            if (!_owner.Log.TryGetPage(number, out var page))
            {
                _holder.DropTags();
                return;
            }

            _holder.DropTags(page);
        }
    }
}
