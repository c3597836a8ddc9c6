namespace Vivarium.X86;

/// <summary>FCOM, FUCOM, FICOM, FTST, FCOMI, FUCOMI, FXAM and FCMOV. Reg2 is the source's stack index, Size how often to pop.</summary>
internal static unsafe class X87CompareHandlers
{
    /// <summary>FCOM: any NaN raises IE.</summary>
    public static bool Ordered(CpuCore core, DecodedOp* op) => Registers(core, op, op->Reg2, signaling: true);

    /// <summary>FUCOM: signaling NaNs raise IE.</summary>
    public static bool Unordered(CpuCore core, DecodedOp* op) => Registers(core, op, op->Reg2, signaling: false);

    /// <summary>FCOMPP.</summary>
    public static bool OrderedTwice(CpuCore core, DecodedOp* op) => Registers(core, op, 1, signaling: true);

    /// <summary>FUCOMPP.</summary>
    public static bool UnorderedTwice(CpuCore core, DecodedOp* op) => Registers(core, op, 1, signaling: false);

    /// <summary>FCOM, FICOM with memory.</summary>
    public static bool Memory<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!X87Unit.Enter(core) || !core.TryLoad(op, out T value))
        {
            return false;
        }

        X87Unit.Note(core, op);
        Compare(core.State, X87Memory.Unpack(value), X87Unit.IsEmpty(core.State, 0), signaling: true, op->Size);
        return true;
    }

    public static bool Test(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        Compare(core.State, FloatParts.Zero(false), X87Unit.IsEmpty(core.State, 0), signaling: true, pops: 0);
        return true;
    }

    public static bool OrderedFlags(CpuCore core, DecodedOp* op) => Flags(core, op, signaling: true);

    public static bool UnorderedFlags(CpuCore core, DecodedOp* op) => Flags(core, op, signaling: false);

    /// <summary>FXAM: the class of ST(0) in C3, C2, C0 and its sign in C1, even if empty.</summary>
    public static bool Examine(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        var value = *X87Unit.Register(state, 0);
        SetConditions(state, X87Unit.IsEmpty(state, 0) ? X87Unit.C3 | X87Unit.C0 : ClassConditions(value.Unpack()));
        X87Unit.SetC1(state, value.Sign);
        return true;
    }

    /// <summary>FCMOVcc: Size is the condition code (B, Z, BE, P or their negations).</summary>
    public static bool ConditionalMove(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        if (X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, op->Reg2))
        {
            X87Unit.Underflow(state, 0);
            return true;
        }

        if (LazyFlags.Condition(state, op->Size))
        {
            *X87Unit.Register(state, 0) = *X87Unit.Register(state, op->Reg2);
        }

        return true;
    }

    /// <summary>Compares ST(0); an unmasked exception keeps it from popping, not from setting the condition codes.</summary>
    public static void Compare(CpuState* state, in FloatParts source, bool empty, bool signaling, int pops)
    {
        var completed = Order(state, source, empty, signaling, out var order);
        SetConditions(state, order switch
        {
            FloatOrder.Less => X87Unit.C0,
            FloatOrder.Equal => X87Unit.C3,
            FloatOrder.Greater => 0,
            _ => X87Unit.C3 | X87Unit.C2 | X87Unit.C0,
        });
        Pop(state, completed ? pops : 0);
    }

    /// <summary>The outcome and, as the result, whether no unmasked exception occurred.</summary>
    private static bool Order(CpuState* state, in FloatParts source, bool empty, bool signaling, out FloatOrder order)
    {
        if (empty)
        {
            order = FloatOrder.Unordered;
            return X87Unit.StackMasked(state, overflow: false);
        }

        var status = FloatStatus.FromControlWord(state->Fcw);
        order = FloatCompare.Compare(X87Unit.Register(state, 0)->Unpack(), source, signaling, ref status);
        return X87Unit.Accept(state, status) == 0;
    }

    private static bool Registers(CpuCore core, DecodedOp* op, int source, bool signaling)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        var empty = X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, source);
        Compare(state, X87Unit.Register(state, source)->Unpack(), empty, signaling, op->Size);
        return true;
    }

    private static bool Flags(CpuCore core, DecodedOp* op, bool signaling)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        var empty = X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, op->Reg2);
        var completed = Order(state, X87Unit.Register(state, op->Reg2)->Unpack(), empty, signaling, out var order);
        FloatCompareHandlers.SetFlags(state, order);
        Pop(state, completed ? op->Size : 0);
        return true;
    }

    private static int ClassConditions(in FloatParts value) => value.Class switch
    {
        FloatClass.Unsupported => 0,
        FloatClass.QuietNaN or FloatClass.SignalingNaN => X87Unit.C0,
        FloatClass.Infinity => X87Unit.C2 | X87Unit.C0,
        FloatClass.Zero => X87Unit.C3,
        _ => value.Denormal ? X87Unit.C3 | X87Unit.C2 : X87Unit.C2,
    };

    private static void SetConditions(CpuState* state, int conditions) =>
        state->Fsw = (ushort)((state->Fsw & ~(X87Unit.C3 | X87Unit.C2 | X87Unit.C0)) | conditions);

    private static void Pop(CpuState* state, int count)
    {
        for (; count > 0; count--)
        {
            X87Unit.Pop(state);
        }
    }
}
