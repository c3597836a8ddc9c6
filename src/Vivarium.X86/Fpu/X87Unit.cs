using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>
/// What x87 instructions share: checks, the register stack, and the delivery of exceptions. Of the tag word only "empty" (3) and "not
/// empty" count; the finer tags are made from the contents when they are stored (<see cref="X87Tags"/>).
/// </summary>
internal static unsafe class X87Unit
{
    public const ushort TopMask = 7 << TopShift;
    public const int TopShift = 11;
    public const ushort StackFault = 1 << 6;
    public const ushort ErrorSummary = 1 << 7;
    public const ushort Busy = 1 << 15;
    public const ushort C0 = 1 << 8;
    public const ushort C1 = 1 << 9;
    public const ushort C2 = 1 << 10;
    public const ushort C3 = 1 << 14;
    public const ushort ConditionCodes = C0 | C1 | C2 | C3;

    /// <summary>Bits of the control word that can be changed; bit 6 reads as 1.</summary>
    public const ushort ControlMask = 0x1F3F;
    public const ushort ControlFixed = 0x40;

    /// <summary>For instructions that wait: #NM for CR0.EM or CR0.TS, then #MF for a pending exception.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Enter(CpuCore core) => EnterNoWait(core) && CheckPending(core);

    /// <summary>For FNxxx instructions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool EnterNoWait(CpuCore core) =>
        (core.State->Cr0 & (SseUnit.Cr0Emulation | SseUnit.Cr0TaskSwitched)) == 0 || core.Raise(ExceptionVector.DeviceNotAvailable);

    /// <summary>Reports a pending unmasked exception: #MF, or FERR# while CR0.NE is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool CheckPending(CpuCore core) => (core.State->Fsw & ErrorSummary) == 0 || ReportPending(core);

    /// <summary>Remembers the last non-control instruction: FIP, FOP (which the lowering left in the immediate) and, with memory, FDP.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Note(CpuCore core, DecodedOp* op)
    {
        var state = core.State;
        state->Fip = core.InstructionPointer(op);
        state->Fop = (ushort)op->Immediate;
        if (op->HasMemory)
        {
            state->Fdp = core.EffectiveAddress(op);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Top(CpuState* state) => (state->Fsw >> TopShift) & 7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetTop(CpuState* state, int top) =>
        state->Fsw = (ushort)((state->Fsw & ~TopMask) | ((top & 7) << TopShift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Physical(CpuState* state, int index) => (Top(state) + index) & 7;

    /// <summary>ST(index).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float80* Register(CpuState* state, int index) => (Float80*)(state->X87 + (Physical(state, index) * 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsEmpty(CpuState* state, int index) => ((state->Ftw >> (Physical(state, index) * 2)) & 3) == 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MarkValid(CpuState* state, int index) => state->Ftw &= (ushort)~(3 << (Physical(state, index) * 2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MarkEmpty(CpuState* state, int index) => state->Ftw |= (ushort)(3 << (Physical(state, index) * 2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(CpuState* state, int index, Float80 value)
    {
        *Register(state, index) = value;
        MarkValid(state, index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pop(CpuState* state)
    {
        MarkEmpty(state, 0);
        SetTop(state, Top(state) + 1);
    }

    /// <summary>Pushes a value onto a stack known to have room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Push(CpuState* state, Float80 value)
    {
        SetTop(state, Top(state) - 1);
        Write(state, 0, value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetC1(CpuState* state, bool value) => state->Fsw = (ushort)((state->Fsw & ~C1) | (value ? C1 : 0));

    /// <summary>
    /// Raises what an operation found and sets C1 from its rounding. Returns the unmasked exceptions, which make the next waiting
    /// instruction fault. One that prevents the operation also hides those of its result.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Accept(CpuState* state, in FloatStatus status)
    {
        var prevented = (status.Flags & status.Unmasked & FloatFlags.PreComputation) != 0;
        SetC1(state, status.RoundedUp && !prevented);
        return Raise(state, prevented ? status.Flags & (FloatFlags.PreComputation | StackFault) : status.Flags);
    }

    /// <summary>Sets exception flags, and ES and B when one of them is unmasked; returns the unmasked ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Raise(CpuState* state, uint flags)
    {
        state->Fsw |= (ushort)flags;
        var unmasked = flags & ~(uint)state->Fcw & FloatFlags.All;
        if (unmasked != 0)
        {
            state->Fsw |= ErrorSummary | Busy;
        }

        return unmasked;
    }

    /// <summary>The precision that the control word asks of arithmetic; the reserved code gives the full one.</summary>
    public static FloatFormat Format(CpuState* state) => ((state->Fcw >> 8) & 3) switch
    {
        0 => FloatFormat.ExtendedSingle,
        2 => FloatFormat.ExtendedDouble,
        _ => FloatFormat.Extended,
    };

    /// <summary>Stack overflow (C1 = 1) or underflow (C1 = 0); true when masked, so that the default NaN is to be delivered.</summary>
    public static bool StackMasked(CpuState* state, bool overflow)
    {
        SetC1(state, overflow);
        return Raise(state, FloatFlags.Invalid | StackFault) == 0;
    }

    /// <summary>Stack underflow of an operation on ST(destination): gives the default NaN there when masked, else false.</summary>
    public static bool Underflow(CpuState* state, int destination)
    {
        if (!StackMasked(state, overflow: false))
        {
            return false;
        }

        Write(state, destination, Float80.DefaultNaN);
        return true;
    }

    /// <summary>Whether a push would overflow the stack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsFull(CpuState* state) => !IsEmpty(state, 7);

    /// <summary>Stack overflow of a push: pushes the default NaN when masked, else nothing.</summary>
    public static void Overflow(CpuState* state)
    {
        if (StackMasked(state, overflow: true))
        {
            Push(state, Float80.DefaultNaN);
        }
    }

    /// <summary>A stack fault of an operation that replaces ST(0) and pushes: both become the default NaN when masked.</summary>
    public static void ReplaceAndPushNaN(CpuState* state, bool overflow)
    {
        if (StackMasked(state, overflow))
        {
            Write(state, 0, Float80.DefaultNaN);
            Push(state, Float80.DefaultNaN);
        }
    }

    /// <summary>Recomputes ES and B after the control or status word was loaded.</summary>
    public static void UpdateSummary(CpuState* state)
    {
        var pending = (state->Fsw & ~state->Fcw & FloatFlags.All) != 0;
        state->Fsw = (ushort)((state->Fsw & ~(ErrorSummary | Busy)) | (pending ? ErrorSummary | Busy : 0));
    }

    /// <summary>The state after FNINIT; registers keep their contents.</summary>
    public static void Initialize(CpuState* state)
    {
        state->Fcw = 0x37F;
        state->Fsw = 0;
        state->Ftw = 0xFFFF;
        state->Fop = 0;
        state->Fip = 0;
        state->Fdp = 0;
        state->Fcs = 0;
        state->Fds = 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ReportPending(CpuCore core)
    {
        if ((core.State->Cr0 & SseUnit.Cr0NumericError) != 0)
        {
            return core.Raise(ExceptionVector.MathFault);
        }

        if (!core.CanReachOut())
        {
            return false;
        }

        core.SetFerr(true);
        return true;
    }
}
