using Iced.Intel;

namespace Vivarium.X86;

/// <summary>The implicit memory operand [seg:rDI] of MASKMOVDQU and MASKMOVQ, as an ordinary one. Their registers are operands 1 and 2.</summary>
internal static unsafe class StringOperand
{
    private const int Rdi = 7;

    public static void Fill(in Instruction instruction, DecodedOp* op)
    {
        var segment = instruction.MemorySegment - Register.ES;
        var longMode = (op->Flags & OpFlags.LongMode) != 0;
        op->Flags |= OpFlags.Memory | (longMode ? OpFlags.None : OpFlags.CheckSegment);
        op->Reg1 = LoweringHelpers.Offset(instruction.Op1Register);
        op->Reg2 = LoweringHelpers.Offset(instruction.Op2Register);
        op->Base = RegisterOffset.Gpr(Rdi);
        op->Index = RegisterOffset.Zero;
        op->Scale = 0;
        op->Displacement = 0;
        op->Segment = (byte)segment;
        op->SegmentBase = longMode && segment < Register.FS - Register.ES ? RegisterOffset.Zero : RegisterOffset.SegmentBase(segment);
        op->AddressShift = instruction.Op0Kind switch
        {
            OpKind.MemorySegDI => 48,
            OpKind.MemorySegEDI => 32,
            _ => 0,
        };
    }
}
