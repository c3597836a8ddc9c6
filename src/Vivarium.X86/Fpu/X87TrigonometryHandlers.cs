namespace Vivarium.X86;

/// <summary>FSIN, FCOS, FSINCOS and FPTAN. Arguments of 2^63 and more set C2 and stay.</summary>
internal static unsafe class X87TrigonometryHandlers
{
    public static bool Sine(CpuCore core, DecodedOp* op) => Single(core, op, cosine: false);

    public static bool Cosine(CpuCore core, DecodedOp* op) => Single(core, op, cosine: true);

    /// <summary>FSINCOS: the sine replaces ST(0), then the cosine is pushed.</summary>
    public static bool SineCosine(CpuCore core, DecodedOp* op) => Pair(core, op, tangent: false);

    /// <summary>FPTAN: the tangent replaces ST(0), then 1 is pushed.</summary>
    public static bool Tangent(CpuCore core, DecodedOp* op) => Pair(core, op, tangent: true);

    private static bool Single(CpuCore core, DecodedOp* op, bool cosine)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        state->Fsw &= unchecked((ushort)~X87Unit.C2);
        if (X87Unit.IsEmpty(state, 0))
        {
            X87Unit.Underflow(state, 0);
            return true;
        }

        var register = X87Unit.Register(state, 0);
        var value = register->Unpack();
        if (IsOutOfRange(state, value))
        {
            return true;
        }

        var status = FloatStatus.FromControlWord(state->Fcw);
        var result = IsLimit(value, ref status, out var limit) ? limit
            : cosine ? FloatTrigonometry.Cosine(value, ref status) : FloatTrigonometry.Sine(value, ref status);
        if ((X87Unit.Accept(state, status) & FloatFlags.PreComputation) == 0)
        {
            *register = Float80.Pack(result);
        }

        return true;
    }

    private static bool Pair(CpuCore core, DecodedOp* op, bool tangent)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        state->Fsw &= unchecked((ushort)~X87Unit.C2);
        var empty = X87Unit.IsEmpty(state, 0);
        if (empty || X87Unit.IsFull(state))
        {
            X87Unit.ReplaceAndPushNaN(state, overflow: !empty);
            return true;
        }

        var register = X87Unit.Register(state, 0);
        var value = register->Unpack();
        if (IsOutOfRange(state, value))
        {
            return true;
        }

        var status = FloatStatus.FromControlWord(state->Fcw);
        FloatParts replaced, pushed;
        if (IsLimit(value, ref status, out var limit))
        {
            replaced = pushed = limit;
        }
        else if (tangent)
        {
            replaced = FloatTrigonometry.Tangent(value, ref status);
            pushed = FloatParts.One;
        }
        else
        {
            pushed = FloatTrigonometry.Cosine(value, ref status);
            replaced = FloatTrigonometry.Sine(value, ref status);
        }

        if ((X87Unit.Accept(state, status) & FloatFlags.PreComputation) == 0)
        {
            *register = Float80.Pack(replaced);
            X87Unit.Push(state, Float80.Pack(pushed));
        }

        return true;
    }

    private static bool IsOutOfRange(CpuState* state, in FloatParts value)
    {
        if (value.Class != FloatClass.Finite || value.Exponent < FloatTrigonometry.RangeExponent)
        {
            return false;
        }

        X87Unit.SetC1(state, false);
        state->Fsw |= X87Unit.C2;
        return true;
    }

    /// <summary>NaN, unsupported or infinite: the result is a NaN.</summary>
    private static bool IsLimit(in FloatParts value, ref FloatStatus status, out FloatParts result)
    {
        result = value.IsSpecial ? FloatNaN.Propagate(value, ref status)
            : value.Class == FloatClass.Infinity ? status.InvalidResult()
            : default;
        return value.IsSpecial || value.Class == FloatClass.Infinity;
    }
}
