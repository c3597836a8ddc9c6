namespace Vivarium.X86;

/// <content>The wires into the processor. Any thread.</content>
public sealed unsafe partial class X86Cpu
{
    private volatile byte _startupVector;

    /// <inheritdoc/>
    public void SignalInterrupt() => Signal(CpuEvents.Interrupt);

    /// <inheritdoc/>
    public void SignalNmi()
    {
        if ((_core.Post(CpuEvents.Nmi) & CpuEvents.Nmi) != 0)
        {
            _core.Post(CpuEvents.SecondNmi);
        }

        Waker?.Wake();
    }

    /// <inheritdoc/>
    public void SignalInit() => Signal(CpuEvents.Init);

    /// <inheritdoc/>
    public void SignalStartup(byte vector)
    {
        _startupVector = vector;
        Signal(CpuEvents.Startup);
    }

    /// <inheritdoc/>
    public void SignalKick() => Signal(CpuEvents.Kick);

    private void Signal(CpuEvents events)
    {
        _core.Post(events);
        Waker?.Wake();
    }

    /// <summary>A startup IPI: real mode at vector × 0x1000. Ignored unless the processor waits for one.</summary>
    private void Startup()
    {
        if (_state->Activity == ActivityState.WaitForStartup)
        {
            _core.Segment((int)X86Segment.Cs).Selector = (ushort)(_startupVector << 8);
            _core.Segment((int)X86Segment.Cs).Base = (ulong)_startupVector << 12;
            _state->Rip = 0;
            _state->Activity = ActivityState.Active;
        }
    }
}
