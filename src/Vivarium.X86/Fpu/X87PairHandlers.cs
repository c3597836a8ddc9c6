namespace Vivarium.X86;

/// <summary>An operation on ST(0) and ST(1).</summary>
internal interface IX87Pair
{
    abstract static FloatParts Apply(in FloatParts st0, in FloatParts st1, ref FloatStatus status);
}

/// <summary>FYL2X, FYL2XP1, FPATAN, FSCALE, FPREM and FPREM1.</summary>
internal static unsafe class X87PairHandlers
{
    /// <summary>Puts the result into ST(1) and pops.</summary>
    public static bool ReplaceSecond<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IX87Pair
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        if (Execute<TOperation>(core.State, destination: 1))
        {
            X87Unit.Pop(core.State);
        }

        return true;
    }

    /// <summary>Puts the result into ST(0).</summary>
    public static bool ReplaceFirst<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IX87Pair
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        Execute<TOperation>(core.State, destination: 0);
        return true;
    }

    public static bool Remainder(CpuCore core, DecodedOp* op) => Remainder(core, op, nearest: false);

    public static bool RemainderNearest(CpuCore core, DecodedOp* op) => Remainder(core, op, nearest: true);

    private static bool Remainder(CpuCore core, DecodedOp* op, bool nearest)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        state->Fsw &= unchecked((ushort)~X87Unit.C2);
        if (X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, 1))
        {
            X87Unit.Underflow(state, 0);
            return true;
        }

        var status = FloatStatus.FromControlWord(state->Fcw);
        var register = X87Unit.Register(state, 0);
        var result = FloatRemainder.Remainder(register->Unpack(), X87Unit.Register(state, 1)->Unpack(), nearest, out var quotient, ref status);
        if ((X87Unit.Accept(state, status) & FloatFlags.PreComputation) != 0)
        {
            return true;
        }

        *register = Float80.Pack(result);
        if (quotient >= 0)
        {
            var conditions = ((quotient & 1) != 0 ? X87Unit.C1 : 0) | ((quotient & 2) != 0 ? X87Unit.C3 : 0) | ((quotient & 4) != 0 ? X87Unit.C0 : 0);
            state->Fsw = (ushort)((state->Fsw & ~X87Unit.ConditionCodes) | conditions);
        }
        else if (quotient == FloatRemainder.Partial)
        {
            state->Fsw |= X87Unit.C2;
        }

        return true;
    }

    private static bool Execute<TOperation>(CpuState* state, int destination)
        where TOperation : struct, IX87Pair
    {
        if (X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, 1))
        {
            return X87Unit.Underflow(state, destination);
        }

        var status = FloatStatus.FromControlWord(state->Fcw);
        var result = TOperation.Apply(X87Unit.Register(state, 0)->Unpack(), X87Unit.Register(state, 1)->Unpack(), ref status);
        if ((X87Unit.Accept(state, status) & FloatFlags.PreComputation) != 0)
        {
            return false;
        }

        *X87Unit.Register(state, destination) = Float80.Pack(result);
        return true;
    }

    internal readonly struct Logarithm : IX87Pair
    {
        public static FloatParts Apply(in FloatParts st0, in FloatParts st1, ref FloatStatus status) =>
            FloatTranscendental.Logarithm(st0, st1, ref status);
    }

    internal readonly struct LogarithmPlusOne : IX87Pair
    {
        public static FloatParts Apply(in FloatParts st0, in FloatParts st1, ref FloatStatus status) =>
            FloatTranscendental.LogarithmPlusOne(st0, st1, ref status);
    }

    internal readonly struct ArcTangent : IX87Pair
    {
        public static FloatParts Apply(in FloatParts st0, in FloatParts st1, ref FloatStatus status) =>
            FloatTranscendental.ArcTangent(st1, st0, ref status);
    }

    internal readonly struct Scale : IX87Pair
    {
        public static FloatParts Apply(in FloatParts st0, in FloatParts st1, ref FloatStatus status) =>
            FloatRemainder.Scale(st0, st1, ref status);
    }
}
