using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>Handlers of two-operand arithmetic. Reg1 is the destination's stack index, Reg2 the source's, Size how often to pop.</summary>
internal static unsafe class X87ArithmeticHandlers
{
    public static bool Registers<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IX87Arithmetic
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        var empty = X87Unit.IsEmpty(state, op->Reg1) || X87Unit.IsEmpty(state, op->Reg2);
        if (Execute<TOperation>(state, op->Reg1, X87Unit.Register(state, op->Reg2)->Unpack(), empty) && op->Size != 0)
        {
            X87Unit.Pop(state);
        }

        return true;
    }

    /// <summary>ST(0) with a <c>float</c>, <c>double</c>, <c>short</c> or <c>int</c> in memory.</summary>
    public static bool Memory<TOperation, T>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IX87Arithmetic
        where T : unmanaged
    {
        if (!X87Unit.Enter(core) || !core.TryLoad(op, out T value))
        {
            return false;
        }

        X87Unit.Note(core, op);
        Execute<TOperation>(core.State, 0, X87Memory.Unpack(value), X87Unit.IsEmpty(core.State, 0));
        return true;
    }

    /// <summary>Computes into ST(destination); false when an unmasked exception prevented it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TOperation>(CpuState* state, int destination, in FloatParts source, bool empty)
        where TOperation : struct, IX87Arithmetic
    {
        if (empty)
        {
            return X87Unit.Underflow(state, destination);
        }

        var status = FloatStatus.FromControlWord(state->Fcw);
        var register = X87Unit.Register(state, destination);
        var result = TOperation.Apply(register->Unpack(), source, X87Unit.Format(state), ref status);
        if ((X87Unit.Accept(state, status) & FloatFlags.PreComputation) != 0)
        {
            return false;
        }

        *register = Float80.Pack(result);
        return true;
    }
}
