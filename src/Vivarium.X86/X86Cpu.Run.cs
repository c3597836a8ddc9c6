using System.Collections.Concurrent;
using System.Diagnostics;
using Vivarium.Memory;

namespace Vivarium.X86;

/// <content>The run loop: between blocks it looks at events, interrupts and traps in their order (Intel SDM Vol. 3A §6.9).</content>
public sealed unsafe partial class X86Cpu
{
    /// <summary>PAUSE instructions in one call of Run after which the guest is taken to spin.</summary>
    private const int SpinPauses = 256;

    private readonly ConcurrentQueue<ulong> _invalidated = new();

    /// <summary>An interrupt or debug trap was delivered since a debugger last looked.</summary>
    private bool _hasDelivered;

    /// <summary>Under a debugger: what ended a halt has not been delivered yet.</summary>
    private bool _wakes;

    /// <inheritdoc/>
    public bool HasWork => _debugger is not { IsHeld: true }
        && (_core.HasEvents || _state->Activity == ActivityState.Active || (_state->Activity == ActivityState.Halted && EndsHalt));

    private bool EndsHalt => _state->Kicked != 0 || _state->PendingDebug != 0 || NmiIsDeliverable || InterruptIsDeliverable;

    private const byte MostNmis = 2;

    private bool NmiIsDeliverable => _state->NmiPending != 0 && _state->NmiMasked == 0;

    private bool InterruptIsDeliverable => (_state->FlagSystem & Rflags.If) != 0 && _core.LocalApic is { HasPendingInterrupt: true };

    /// <inheritdoc/>
    public VcpuExit Run(long instructionBudget)
    {
        if (_debugger is { IsHeld: true })
        {
            return new VcpuExit(VcpuExitReason.Halted, 0);
        }

        _revocation.Enter();
        try
        {
            _core.PauseCount = 0;
            var left = instructionBudget;
            var before = _state->InstructionCount;
            var reason = RunUntilExit(ref left);
            _core.CheckTlb();
            CheckCode();
            return new VcpuExit(reason, (long)(_state->InstructionCount - before));
        }
        finally
        {
            // Also where a device threw: others would wait for this vCPU for ever.
            _revocation.Leave();
        }
    }

    /// <summary>Debug builds: checks that code was made from what memory still holds.</summary>
    /// <exception cref="InvariantException">It was not.</exception>
    [Conditional("DEBUG")]
    private void CheckCode()
    {
        var stale = _interpreter.FindStaleCode() ?? (_engine == _interpreter ? null : _engine.FindStaleCode());
        if (stale is { } gpa && !_core.WillHear())
        {
            throw new InvariantException($"Code at guest-physical {gpa:X} was changed, and its translation is still used.");
        }
    }

    /// <inheritdoc/>
    public void RequestStop() => _core.Post(CpuEvents.Stop);

    /// <inheritdoc/>
    void IPageTagHolder.RequestPoll() => _core.Post(CpuEvents.Poll);

    /// <inheritdoc/>
    void IPageTagHolder.DropTags() => _core.Tlb.Flush(keepGlobal: false);

    /// <inheritdoc/>
    void IPageTagHolder.DropTags(nint hostPage) => _core.Tlb.FlushHostPage(hostPage);

    /// <inheritdoc/>
    void ICodePageListener.OnCodePageInvalidated(ulong pageGpa)
    {
        _invalidated.Enqueue(pageGpa);
        _core.Post(CpuEvents.CodeInvalidated);
    }

    private VcpuExitReason RunUntilExit(ref long left)
    {
        while (true)
        {
            if (_core.HasEvents && HandleEvents())
            {
                return VcpuExitReason.Stopped;
            }

            if (_state->Activity != ActivityState.Active && !TryWake())
            {
                return _state->Activity == ActivityState.Shutdown ? VcpuExitReason.Shutdown : VcpuExitReason.Halted;
            }

            if (left <= 0)
            {
                return VcpuExitReason.Budget;
            }

            if (_core.PauseCount >= SpinPauses)
            {
                return VcpuExitReason.Spinning;
            }

            var shadow = _state->InterruptShadow;
            _state->InterruptShadow = InterruptShadow.None;
            if (!DeliverWaiting(shadow))
            {
                _state->Activity = ActivityState.Shutdown;
                continue;
            }

            if (_debugger is not null && EndsStepInHandler())
            {
                return VcpuExitReason.Debug;
            }

            if (_state->Activity == ActivityState.Active && !Step(shadow, ref left))
            {
                return VcpuExitReason.Debug;
            }
        }
    }

    /// <summary>Whether the debugger steps and the step was the way into a handler, where it stops.</summary>
    private bool EndsStepInHandler()
    {
        var delivered = _hasDelivered;
        _hasDelivered = false;
        return delivered && _debugger!.StopsHere(isInMiddle: false);
    }

    /// <summary>Executes some blocks, or one instruction alone, and delivers what it raised. False: a debugger's stop.</summary>
    private bool Step(InterruptShadow shadow, ref long left)
    {
        var before = left;
        var resumes = ResumesAtStop;
        ResumesAtStop = false;
        _wakes = false;

        // What waits behind a shadow must come right after one instruction: the next may be CLI.
        var alone = resumes || (_state->FlagSystem & Rflags.Tf) != 0 || _core.HasBreakpoints || _debugger is { IsStepping: true }
            || (shadow != InterruptShadow.None && (EndsHalt || _core.HasEvents));
        if (alone)
        {
            if (!resumes && _interpreter.Finder.StopAddresses.Contains(_core.CodeAddress(_state->Rip)))
            {
                return StopAtAddress(shadow);
            }

            left = StepAlone(shadow, left);
        }
        else
        {
            _state->FlagSystem &= ~Rflags.Rf;
            left = _core.HasExactBudget ? ExecuteExactly(_engine, left) : _engine.Execute(left);
        }

        var begun = before;
        if (_core.Pending == PendingKind.RunAlone)
        {
            _core.Pending = PendingKind.None;
            _state->InstructionCount += (ulong)(begun - left);
            begun = left;
            left = _interpreter.ExecuteAlone(left);
        }

        _state->InstructionCount += (ulong)(begun - left);
        if (left == before && _core.Pending == PendingKind.None)
        {
            // A stop came first: what waits behind the last instruction goes on waiting for the next.
            _state->InterruptShadow = shadow;
        }

        _stalled = left != before ? 0 : _stalled;
        switch (_core.Pending)
        {
            case PendingKind.Fault:
                // Not an instruction, but it uses up the budget: a guest may fault forever.
                Charge(1, FaultStall, ref left);

                // Breakpoints that the instruction met before it faulted are met again when it is restarted.
                _state->PendingDebug = 0;
                if (!ExceptionDispatch.TryDeliverPending(_core))
                {
                    _state->Activity = ActivityState.Shutdown;
                }

                break;
            case PendingKind.Restart:
                // Not an instruction yet either. RF stands for "in the middle" (Intel SDM Vol. 3B §18.3.1.1).
                Charge(_core.RestartSteps, _core.RestartSteps, ref left);
                _state->FlagSystem |= Rflags.Rf;
                break;
            case PendingKind.StopAddress:
                _core.Pending = PendingKind.None;
                return StopAtAddress(left == before ? shadow : _state->InterruptShadow);
        }

        var isInMiddle = _core.Pending == PendingKind.Restart;
        _core.Pending = PendingKind.None;
        return _debugger is null || !_debugger.StopsHere(isInMiddle);
    }

    /// <summary>Always false. What waits behind a shadow goes on waiting for the instruction that was not begun.</summary>
    private bool StopAtAddress(InterruptShadow shadow)
    {
        _state->InterruptShadow = shadow;
        ResumesAtStop = true;
        _debugger?.NoteBreakpoint();
        return false;
    }

    /// <summary>
    /// One instruction under TF or breakpoints: instruction breakpoints before it, but not behind MOV or POP to SS (Intel SDM Vol. 3B §18.3.1.1), and the
    /// single-step trap after it.
    /// </summary>
    private long StepAlone(InterruptShadow shadow, long left)
    {
        var flags = _state->FlagSystem;
        if (_core.HasBreakpoints && (flags & Rflags.Rf) == 0 && shadow != InterruptShadow.LoadStack)
        {
            _interpreter.Finder.Refresh();
            if (_interpreter.Finder.TryLinear(_state->Rip, out var linear) && _core.InstructionBreakpoints(linear) is var hits && hits != 0)
            {
                _state->Dr[6] = (_state->Dr[6] & ~0xFUL) | hits;
                _core.Raise(ExceptionVector.Debug);
                return left;
            }

            _core.Pending = PendingKind.None;
        }

        _state->FlagSystem &= ~Rflags.Rf;
        _core.HasEnteredHandler = false;
        left = _interpreter.ExecuteAlone(left);
        var completed = _core.Pending is PendingKind.None or PendingKind.Restart;
        if (completed && (flags & Rflags.Tf) != 0 && !_core.HasEnteredHandler)
        {
            _state->PendingDebug |= 1 << 14;
        }
        else if (!completed)
        {
            _state->FlagSystem |= flags & Rflags.Rf;
        }

        return left;
    }

    /// <summary>Debug traps, NMI, then external interrupts, as far as the shadow lets them. False: triple fault.</summary>
    private bool DeliverWaiting(InterruptShadow shadow)
    {
        if (_state->PendingDebug != 0 && shadow != InterruptShadow.LoadStack)
        {
            _state->Dr[6] = (_state->Dr[6] & ~0xFUL) | _state->PendingDebug;
            _state->PendingDebug = 0;
            _hasDelivered = true;
            if (!ExceptionDispatch.TryDeliver(_core, ExceptionVector.Debug, 0))
            {
                return false;
            }
        }

        if (shadow != InterruptShadow.None || (_debugger is { IsStepping: true, MasksInterrupts: true } && !_wakes))
        {
            return true;
        }

        if (NmiIsDeliverable)
        {
            _state->NmiPending--;
            _state->NmiMasked = 1;
            return DeliverExternal((byte)ExceptionVector.Nmi);
        }

        if (InterruptIsDeliverable)
        {
            _revocation.Leave();
            var vector = _core.LocalApic!.AcknowledgeInterrupt();
            _revocation.Enter();
            if (vector >= 0)
            {
                return DeliverExternal((byte)vector);
            }
        }

        return true;
    }

    private bool DeliverExternal(byte vector)
    {
        _hasDelivered = true;
        _wakes = false;
        return ExceptionDispatch.TryDeliverExternal(_core, vector);
    }

    /// <summary>Whether something ends the halt.</summary>
    private bool TryWake()
    {
        if (_state->Activity != ActivityState.Halted || !EndsHalt)
        {
            return false;
        }

        _state->Kicked = 0;
        _state->Activity = ActivityState.Active;
        _wakes = _debugger is not null;
        return true;
    }

    /// <summary>Handles posted events. True: leave Run.</summary>
    private bool HandleEvents()
    {
        var events = _core.TakeEvents();
        if ((events & CpuEvents.Poll) != 0)
        {
            _revocation.Poll();

            // Whoever held this vCPU may have written code.
            events |= _core.TakeEvents();
        }

        if ((events & CpuEvents.CodeInvalidated) != 0)
        {
            while (_invalidated.TryDequeue(out var page))
            {
                _interpreter.InvalidateCode(page);
                if (_engine != _interpreter)
                {
                    _engine.InvalidateCode(page);
                }
            }
        }

        if ((events & CpuEvents.Init) != 0)
        {
            ResetByInit();
        }

        if ((events & CpuEvents.Startup) != 0)
        {
            Startup();
        }

        if ((events & (CpuEvents.Nmi | CpuEvents.SecondNmi)) != 0)
        {
            LatchNmis(events);
        }

        if ((events & CpuEvents.Kick) != 0)
        {
            // Kept while it runs: the guest may be about to halt, having looked just before the kicker changed what it waits for.
            _state->Kicked = 1;
        }

        return (events & CpuEvents.Stop) != 0;
    }

    /// <summary>
    /// One NMI is latched while another is handled (Intel SDM Vol. 3A §6.7.1). Of two that came while the host ran something else the processor would
    /// have begun with the first before the second came, so that neither is lost.
    /// </summary>
    private void LatchNmis(CpuEvents events)
    {
        var came = int.PopCount((int)(events & (CpuEvents.Nmi | CpuEvents.SecondNmi)));
        _state->NmiPending = (byte)Math.Min(_state->NmiPending + came, _state->NmiMasked != 0 ? 1 : MostNmis);
    }
}
