namespace Vivarium.X86;

/// <summary>Control instructions, and those that touch only signs, tags and TOP.</summary>
internal static unsafe class X87ControlHandlers
{
    private const ushort ClearedByClex = FloatExceptionBits | X87Unit.StackFault | X87Unit.ErrorSummary | X87Unit.Busy;
    private const ushort FloatExceptionBits = (ushort)FloatFlags.All;

    /// <summary>FWAIT: #NM only when CR0.TS and CR0.MP are both set.</summary>
    public static bool Wait(CpuCore core, DecodedOp* op)
    {
        const ulong Both = SseUnit.Cr0MonitorCoprocessor | SseUnit.Cr0TaskSwitched;
        return (core.State->Cr0 & Both) == Both ? core.Raise(ExceptionVector.DeviceNotAvailable) : X87Unit.CheckPending(core);
    }

    /// <summary>FNOP.</summary>
    public static bool Nothing(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        return true;
    }

    /// <summary>FNENI, FNDISI, FNSETPM: instructions of the 8087 and 287 that do nothing since the 387.</summary>
    public static bool Obsolete(CpuCore core, DecodedOp* op) => X87Unit.EnterNoWait(core);

    public static bool Initialize(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.EnterNoWait(core))
        {
            return false;
        }

        X87Unit.Initialize(core.State);
        core.SetFerr(false);
        return true;
    }

    public static bool ClearExceptions(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.EnterNoWait(core))
        {
            return false;
        }

        core.State->Fsw &= unchecked((ushort)~ClearedByClex);
        core.SetFerr(false);
        return true;
    }

    public static bool LoadControlWord(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core) || !core.TryLoad(op, out ushort value))
        {
            return false;
        }

        core.State->Fcw = (ushort)((value & X87Unit.ControlMask) | X87Unit.ControlFixed);
        X87Unit.UpdateSummary(core.State);
        return true;
    }

    public static bool StoreControlWord(CpuCore core, DecodedOp* op) => X87Unit.EnterNoWait(core) && core.TryStore(op, core.State->Fcw);

    public static bool StoreStatusWord(CpuCore core, DecodedOp* op) => X87Unit.EnterNoWait(core) && core.TryStore(op, core.State->Fsw);

    public static bool StoreStatusWordToAx(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.EnterNoWait(core))
        {
            return false;
        }

        *(ushort*)core.State->Gpr = core.State->Fsw;
        return true;
    }

    /// <summary>FFREE and the undocumented FFREEP, which pops too (Size 1).</summary>
    public static bool Free(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        X87Unit.SetC1(core.State, false);
        X87Unit.MarkEmpty(core.State, op->Reg1);
        if (op->Size != 0)
        {
            X87Unit.Pop(core.State);
        }

        return true;
    }

    public static bool IncrementTop(CpuCore core, DecodedOp* op) => MoveTop(core, op, 1);

    public static bool DecrementTop(CpuCore core, DecodedOp* op) => MoveTop(core, op, -1);

    public static bool ChangeSign(CpuCore core, DecodedOp* op) => SetSign(core, op, change: true);

    public static bool Absolute(CpuCore core, DecodedOp* op) => SetSign(core, op, change: false);

    private static bool MoveTop(CpuCore core, DecodedOp* op, int step)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        X87Unit.SetTop(core.State, X87Unit.Top(core.State) + step);
        X87Unit.SetC1(core.State, false);
        return true;
    }

    private static bool SetSign(CpuCore core, DecodedOp* op, bool change)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        if (X87Unit.IsEmpty(state, 0))
        {
            X87Unit.Underflow(state, 0);
            return true;
        }

        X87Unit.SetC1(state, false);
        var register = X87Unit.Register(state, 0);
        *register = register->WithSign(change && !register->Sign);
        return true;
    }
}
