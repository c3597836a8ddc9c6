using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Turns decoded floating-point and vector instructions into operations.</summary>
internal static unsafe class FloatingPointLowering
{
    private const int Rdi = 7;

    /// <summary>Completes <paramref name="op"/>; false for an instruction that is not known here (#UD).</summary>
    internal static bool TryLower(in Instruction instruction, DecodedOp* op)
    {
        if (instruction.Encoding == EncodingKind.VEX)
        {
            return AvxLowering.TryLower(instruction, op);
        }

        if (X87Lowering.TryLower(instruction, op))
        {
            return true;
        }

        var target = Find(instruction);
        if (target == 0)
        {
            return false;
        }

        LoweringHelpers.Fill(instruction, op, target);
        if (instruction.Code is Code.Maskmovdqu_rDI_xmm_xmm or Code.Maskmovq_rDI_mm_mm)
        {
            // Their memory operand is [seg:rDI], of which the decoder has filled in segment and address size.
            op->Flags |= OpFlags.Memory;
            op->Base = RegisterOffset.Gpr(Rdi);
            op->Reg1 = LoweringHelpers.Offset(instruction.Op1Register);
            op->Reg2 = LoweringHelpers.Offset(instruction.Op2Register);
        }
        else if (instruction.Code is Code.Fxsave64_m512byte or Code.Fxrstor64_m512byte or Code.Xsave64_mem or Code.Xsaveopt64_mem
            or Code.Xsavec64_mem or Code.Xrstor64_mem or Code.Pcmpestri64_xmm_xmmm128_imm8 or Code.Pcmpestrm64_xmm_xmmm128_imm8)
        {
            op->Size = sizeof(ulong);
        }

        return true;
    }

    private static nint Find(in Instruction instruction)
    {
        if (UsesMmx(instruction))
        {
            return MmxLowering.Find(instruction);
        }

        var target = SseMoveLowering.Find(instruction);
        if (target == 0)
        {
            target = SseIntegerLowering.Find(instruction);
        }

        if (target == 0)
        {
            target = SseFloatLowering.Find(instruction);
        }

        if (target == 0)
        {
            target = CryptographyLowering.Find(instruction);
        }

        return target != 0 ? target : ExtendedStateLowering.Find(instruction);
    }

    private static bool UsesMmx(in Instruction instruction) =>
        instruction.Mnemonic == Mnemonic.Emms
        || (instruction.OpCount > 0 && instruction.Op0Kind == OpKind.Register && instruction.Op0Register.IsMM())
        || (instruction.OpCount > 1 && instruction.Op1Kind == OpKind.Register && instruction.Op1Register.IsMM())
        || instruction.Code is Code.Maskmovq_rDI_mm_mm or Code.Cvtpi2ps_xmm_mmm64;
}
