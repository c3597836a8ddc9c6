namespace Vivarium.Scheduling;

/// <summary>
/// A clock that instructions advance, a nanosecond each. The thread inside a vCPU's run reads it to the instruction; others read what that
/// thread read last.
/// </summary>
internal sealed class InstructionTime : TimeProvider
{
    /// <summary>No skip leads beyond 146 years: the other half of what the clock can count is left to instructions.</summary>
    private const long LastSkipNs = 1L << 62;

    private IExactVcpu? _vcpu;
    private Thread? _thread;
    private ulong _counted;
    private long _nowNs;

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp()
    {
        if (Volatile.Read(ref _thread) == Thread.CurrentThread)
        {
            CatchUp();
        }

        return Volatile.Read(ref _nowNs);
    }

    /// <summary>This thread is about to run a vCPU.</summary>
    public void Enter(IExactVcpu vcpu)
    {
        _vcpu = vcpu;
        _counted = vcpu.InstructionCount;
        Volatile.Write(ref _thread, Thread.CurrentThread);
    }

    /// <summary>The run has ended.</summary>
    public void Leave()
    {
        CatchUp();
        Volatile.Write(ref _thread, null);
        _vcpu = null;
    }

    /// <summary>Lets time pass in which nothing is executed. False if that is too far away.</summary>
    public bool TrySkip(long durationNs)
    {
        if (durationNs > LastSkipNs - _nowNs)
        {
            return false;
        }

        Volatile.Write(ref _nowNs, _nowNs + durationNs);
        return true;
    }

    private void CatchUp()
    {
        var count = _vcpu!.InstructionCount;
        Volatile.Write(ref _nowNs, _nowNs + (long)(count - _counted));
        _counted = count;
    }
}
