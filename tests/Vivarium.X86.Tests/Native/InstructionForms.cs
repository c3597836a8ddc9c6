using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Builds the register form of an instruction: XMM1, XMM2 and XMM0; MM1 and MM2; RAX and RCX; ST(i).</summary>
internal static class InstructionForms
{
    private static readonly CpuidFeature[] s_features =
    [
        CpuidFeature.MMX, CpuidFeature.SSE, CpuidFeature.SSE2, CpuidFeature.SSE3, CpuidFeature.SSSE3, CpuidFeature.SSE4_1,
        CpuidFeature.SSE4_2, CpuidFeature.AES, CpuidFeature.PCLMULQDQ, CpuidFeature.SHA,
    ];

    /// <summary>Every legacy encoding of MMX, SSE, AES, PCLMULQDQ and SHA, fences apart.</summary>
    public static IEnumerable<Code> VectorCodes => Enum.GetValues<Code>().Where(code =>
        code.ToOpCode() is { IsInstruction: true, Encoding: EncodingKind.Legacy, Mode64: true }
        && code.CpuidFeatures() is var features
        && features.Any(s_features.Contains)
        && code.Mnemonic() is not (Mnemonic.Lfence or Mnemonic.Mfence or Mnemonic.Sfence)
        && features.All(feature => s_features.Contains(feature) || feature is CpuidFeature.X64));

    /// <summary>The register form, or null if the instruction needs memory.</summary>
    public static Instruction? Registers(Code code, byte immediate, int stackIndex = 1)
    {
        var info = code.ToOpCode();
        var instruction = new Instruction { Code = code };
        for (var i = 0; i < info.OpCount; i++)
        {
            var kind = info.GetOpKind(i);
            var register = kind switch
            {
                OpCodeOperandKind.xmm_reg or OpCodeOperandKind.xmm_rm or OpCodeOperandKind.xmm_or_mem => i == 0 ? Register.XMM1 : Register.XMM2,
                OpCodeOperandKind.mm_reg or OpCodeOperandKind.mm_rm or OpCodeOperandKind.mm_or_mem => i == 0 ? Register.MM1 : Register.MM2,
                OpCodeOperandKind.r8_or_mem => Register.CL,
                OpCodeOperandKind.r16_or_mem => Register.CX,
                OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_rm or OpCodeOperandKind.r32_or_mem => i == 0 ? Register.EAX : Register.ECX,
                OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_rm or OpCodeOperandKind.r64_or_mem => i == 0 ? Register.RAX : Register.RCX,
                OpCodeOperandKind.st0 => Register.ST0,
                OpCodeOperandKind.sti_opcode => Register.ST0 + stackIndex,
                OpCodeOperandKind.ax => Register.AX,
                _ => Register.None,
            };
            if (register != Register.None)
            {
                instruction.SetOpKind(i, OpKind.Register);
                instruction.SetOpRegister(i, register);
            }
            else if (kind == OpCodeOperandKind.imm8)
            {
                instruction.SetOpKind(i, OpKind.Immediate8);
                instruction.Immediate8 = immediate;
            }
            else
            {
                return null;
            }
        }

        return instruction;
    }

    public static byte[] Encode(in Instruction instruction)
    {
        var writer = new ByteWriter();
        Encoder.Create(64, writer).Encode(instruction, 0);
        return [.. writer.Bytes];
    }

    private sealed class ByteWriter : CodeWriter
    {
        public List<byte> Bytes { get; } = [];

        public override void WriteByte(byte value) => Bytes.Add(value);
    }
}
