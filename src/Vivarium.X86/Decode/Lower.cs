using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Small steps that the lowering tables share.</summary>
internal static unsafe class Lower
{
    /// <summary>Sets the handler. Always true unless there is none.</summary>
    public static bool Call(DecodedOp* op, Handler handler)
    {
        op->Target = (nint)handler;
        return handler != null;
    }

    /// <summary>Sets the handler of an instruction after which mode or flow may differ.</summary>
    public static bool Leave(DecodedOp* op, Handler handler)
    {
        op->Code = OpCode.CallAndLeave;
        return Call(op, handler);
    }

    /// <summary>Fills the operands and chooses a handler by the size of operand <paramref name="operand"/>.</summary>
    public static bool Sized(in Instruction i, DecodedOp* op, int operand, Handler bytes1, Handler bytes2, Handler bytes4, Handler bytes8)
    {
        Operands(i, op);
        op->Size = (byte)SizeOf(i, operand);
        return Call(op, op->Size switch { 1 => bytes1, 2 => bytes2, 4 => bytes4, _ => bytes8 });
    }

    /// <summary>Register operand 0 to Reg1, operand 1 to Reg2, the last immediate to Immediate.</summary>
    public static void Operands(in Instruction i, DecodedOp* op)
    {
        for (var n = 0; n < i.OpCount; n++)
        {
            switch (i.GetOpKind(n))
            {
                case OpKind.Register:
                    var register = i.GetOpRegister(n);
                    if (!register.IsGPR())
                    {
                        break;
                    }

                    if (n == 0)
                    {
                        op->Reg1 = RegisterMap.General(register);
                        break;
                    }

                    if (n == 1)
                    {
                        op->Reg2 = RegisterMap.General(register);
                    }

                    break;
                case OpKind.Immediate8 or OpKind.Immediate16 or OpKind.Immediate32 or OpKind.Immediate64
                    or OpKind.Immediate8to16 or OpKind.Immediate8to32 or OpKind.Immediate8to64 or OpKind.Immediate32to64:
                    op->Immediate = (long)i.GetImmediate(n);
                    break;
            }
        }
    }

    /// <summary>Makes the register operand <paramref name="operand"/> a source (Reg2) even though it stands first.</summary>
    public static void AsSource(in Instruction i, DecodedOp* op, int operand)
    {
        if (i.GetOpKind(operand) == OpKind.Register)
        {
            op->Reg2 = RegisterMap.General(i.GetOpRegister(operand));
        }
    }

    /// <summary>Bytes of an operand.</summary>
    public static int SizeOf(in Instruction i, int operand) => i.GetOpKind(operand) switch
    {
        OpKind.Register => i.GetOpRegister(operand).GetSize(),
        _ => i.MemorySize.GetSize(),
    };

    public static bool ByCl(in Instruction i, int operand) => i.GetOpKind(operand) == OpKind.Register && i.GetOpRegister(operand) == Register.CL;
}
