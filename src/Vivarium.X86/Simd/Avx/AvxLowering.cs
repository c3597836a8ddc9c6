using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Turns VEX-encoded vector instructions into operations.</summary>
internal static unsafe class AvxLowering
{
    private const int Rdi = 7;

    /// <summary>Completes <paramref name="op"/>; false for an instruction that is not known here (#UD).</summary>
    public static bool TryLower(in Instruction instruction, DecodedOp* op)
    {
        var target = AvxMoveLowering.Find(instruction);
        if (target == 0)
        {
            target = AvxFloatLowering.Find(instruction);
        }

        if (target == 0)
        {
            target = Is256(instruction) ? Find<Length256>(instruction) : Find<Length128>(instruction);
        }

        if (target == 0)
        {
            return false;
        }

        op->Code = OpCode.Call;
        op->Target = target;
        Fill(instruction, op);
        return true;
    }

    private static nint Find<TLength>(in Instruction instruction)
        where TLength : struct, IVectorLength
    {
        var mnemonic = instruction.Mnemonic;
        var target = LaneTable.Find<AvxForms<TLength>>(mnemonic);
        if (target == 0)
        {
            target = ArrangeTable.Find<AvxForms<TLength>>(mnemonic);
        }

        if (target == 0)
        {
            target = LaneTable.FindShift<AvxForms<TLength>>(mnemonic, instruction.Op2Kind == OpKind.Immediate8);
        }

        if (target == 0)
        {
            target = FloatTable.Find<AvxForms<TLength>>(mnemonic);
        }

        if (target == 0)
        {
            target = FusedTable.Find<TLength>(mnemonic);
        }

        return target != 0 ? target : AvxTable.Find<TLength>(instruction);
    }

    /// <summary>
    /// Register operands: the first to Reg1, that of VEX.vvvv and a fourth one into the immediate, the other to Reg2. Of two operands
    /// there is none in VEX.vvvv, or it is the destination.
    /// </summary>
    private static void Fill(in Instruction instruction, DecodedOp* op)
    {
        var count = instruction.OpCount;
        var hasImmediate = count > 0 && instruction.GetOpKind(count - 1) == OpKind.Immediate8;
        if (hasImmediate)
        {
            count--;
        }

        op->Reg1 = RegisterAt(instruction, 0, count);
        op->Reg2 = RegisterAt(instruction, count == 2 ? 1 : 2, count);
        var first = count == 2 ? (ushort)0 : RegisterAt(instruction, 1, count);
        var third = RegisterAt(instruction, 3, count);
        if (instruction.MemoryIndex.IsVectorRegister())
        {
            first = RegisterAt(instruction, 2, count);
            third = Offset(instruction.MemoryIndex);
        }

        op->Immediate = AvxUnit.Pack(hasImmediate ? instruction.Immediate8 : (byte)0, first, third);
        switch (instruction.Code)
        {
            case Code.VEX_Vmaskmovdqu_rDI_xmm_xmm:
                // Its memory operand is [seg:rDI], of which the decoder has filled in segment and address size.
                op->Flags |= OpFlags.Memory;
                op->Base = RegisterOffset.Gpr(Rdi);
                op->Reg1 = Offset(instruction.Op1Register);
                op->Reg2 = Offset(instruction.Op2Register);
                break;
            case Code.VEX_Vpcmpestri64_xmm_xmmm128_imm8 or Code.VEX_Vpcmpestrm64_xmm_xmmm128_imm8:
                op->Size = sizeof(ulong);
                break;
        }
    }

    private static ushort RegisterAt(in Instruction instruction, int operand, int count) =>
        operand < count && instruction.GetOpKind(operand) == OpKind.Register ? Offset(instruction.GetOpRegister(operand)) : (ushort)0;

    /// <summary>Whether one of the first two operands is a YMM register, as in every 256-bit form found by mnemonic.</summary>
    private static bool Is256(in Instruction instruction) =>
        (instruction.Op0Kind == OpKind.Register && instruction.Op0Register.IsYMM())
        || (instruction.OpCount > 1 && instruction.Op1Kind == OpKind.Register && instruction.Op1Register.IsYMM());
}
