namespace Vivarium.X86;

/// <summary>An operation on ST(0) alone.</summary>
internal interface IX87Unary
{
    abstract static FloatParts Apply(in FloatParts value, in FloatFormat format, ref FloatStatus status);
}

/// <summary>FSQRT, FRNDINT, F2XM1 and FXTRACT.</summary>
internal static unsafe class X87UnaryHandlers
{
    public static bool Apply<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IX87Unary
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

        var status = FloatStatus.FromControlWord(state->Fcw);
        var register = X87Unit.Register(state, 0);
        var result = TOperation.Apply(register->Unpack(), X87Unit.Format(state), ref status);
        if ((X87Unit.Accept(state, status) & FloatFlags.PreComputation) == 0)
        {
            *register = Float80.Pack(result);
        }

        return true;
    }

    /// <summary>FXTRACT.</summary>
    public static bool Extract(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        var empty = X87Unit.IsEmpty(state, 0);
        if (empty || X87Unit.IsFull(state))
        {
            X87Unit.ReplaceAndPushNaN(state, overflow: !empty);
            return true;
        }

        var status = FloatStatus.FromControlWord(state->Fcw);
        var exponent = FloatRemainder.Extract(X87Unit.Register(state, 0)->Unpack(), out var significand, ref status);
        if ((X87Unit.Accept(state, status) & FloatFlags.PreComputation) == 0)
        {
            *X87Unit.Register(state, 0) = Float80.Pack(exponent);
            X87Unit.Push(state, Float80.Pack(significand));
        }

        return true;
    }

    internal readonly struct SquareRoot : IX87Unary
    {
        public static FloatParts Apply(in FloatParts value, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.SquareRoot(value, format, ref status);
    }

    internal readonly struct RoundToIntegral : IX87Unary
    {
        public static FloatParts Apply(in FloatParts value, in FloatFormat format, ref FloatStatus status) =>
            FloatInteger.RoundToIntegral(value, status.Rounding, ref status);
    }

    internal readonly struct ExponentialMinusOne : IX87Unary
    {
        public static FloatParts Apply(in FloatParts value, in FloatFormat format, ref FloatStatus status) =>
            FloatTranscendental.ExponentialMinusOne(value, ref status);
    }
}
