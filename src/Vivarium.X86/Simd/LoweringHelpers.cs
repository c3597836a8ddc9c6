using Iced.Intel;

namespace Vivarium.X86;

/// <summary>What the lowering tables share: handlers as addresses, and operands as register offsets.</summary>
internal static unsafe class LoweringHelpers
{
    /// <summary>The address of a handler.</summary>
    public static nint Handler(delegate*<CpuCore, DecodedOp*, bool> handler) => (nint)handler;

    public static nint Binary<TOperation>()
        where TOperation : struct, IVectorBinary => Handler(&VectorHandlers.Binary<TOperation>);

    public static nint Immediate<TOperation>()
        where TOperation : struct, IVectorImmediate => Handler(&VectorHandlers.Immediate<TOperation>);

    /// <summary>Sets the operation's handler and its register and immediate operands from the instruction's.</summary>
    public static void Fill(in Instruction instruction, DecodedOp* op, nint target)
    {
        op->Code = OpCode.Call;
        op->Target = target;
        if (instruction.OpCount > 0 && instruction.Op0Kind == OpKind.Register)
        {
            op->Reg1 = Offset(instruction.Op0Register);
        }

        if (instruction.OpCount > 1 && instruction.Op1Kind == OpKind.Register)
        {
            op->Reg2 = Offset(instruction.Op1Register);
        }

        var last = instruction.OpCount - 1;
        if (last > 0 && instruction.GetOpKind(last) == OpKind.Immediate8)
        {
            op->Immediate = instruction.Immediate8;
        }
    }

    public static ushort Offset(Register register)
    {
        if (register.IsXMM())
        {
            return RegisterOffset.Xmm(register - Register.XMM0);
        }

        if (register.IsYMM())
        {
            return RegisterOffset.Xmm(register - Register.YMM0);
        }

        if (register.IsMM())
        {
            return RegisterOffset.Mm(register - Register.MM0);
        }

        return register is Register.AH or Register.CH or Register.DH or Register.BH
            ? (ushort)(RegisterOffset.Gpr(register - Register.AH) + 1)
            : RegisterOffset.Gpr(register.GetFullRegister() - Register.RAX);
    }
}
