using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Builds VEX-encoded vector instructions on random registers, or with their memory operand at [RDI].</summary>
internal static class VexForms
{
    private static readonly CpuidFeature[] s_features =
        [CpuidFeature.AVX, CpuidFeature.AVX2, CpuidFeature.FMA, CpuidFeature.F16C, CpuidFeature.AES, CpuidFeature.PCLMULQDQ];

    /// <summary>Every VEX encoding of AVX, AVX2, FMA, F16C, AES and PCLMULQDQ.</summary>
    public static IEnumerable<Code> Codes => Enum.GetValues<Code>().Where(code =>
        code.ToOpCode() is { IsInstruction: true, Encoding: EncodingKind.VEX, Mode64: true }
        && code.CpuidFeatures().All(s_features.Contains));

    /// <summary>The form with or without memory, or null if there is no such form.</summary>
    public static Instruction? Build(Code code, bool memory, Operands operands)
    {
        var info = code.ToOpCode();
        var instruction = new Instruction { Code = code };
        var hasMemory = false;
        var numbers = Enumerable.Range(0, 16).OrderBy(_ => operands.Next(1000)).ToArray();
        var repeats = !IsGather(code) && operands.Next(3) == 0;
        for (var i = 0; i < info.OpCount; i++)
        {
            var number = repeats ? numbers[operands.Next(2)] : numbers[i];
            var kind = info.GetOpKind(i);
            switch (kind)
            {
                case OpCodeOperandKind.xmm_reg or OpCodeOperandKind.xmm_vvvv or OpCodeOperandKind.xmm_rm or OpCodeOperandKind.xmm_is4:
                    SetRegister(ref instruction, i, Register.XMM0 + number);
                    break;
                case OpCodeOperandKind.ymm_reg or OpCodeOperandKind.ymm_vvvv or OpCodeOperandKind.ymm_rm or OpCodeOperandKind.ymm_is4:
                    SetRegister(ref instruction, i, Register.YMM0 + number);
                    break;
                case OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_rm:
                    SetRegister(ref instruction, i, i == 0 ? Register.EAX : Register.ECX);
                    break;
                case OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_rm:
                    SetRegister(ref instruction, i, i == 0 ? Register.RAX : Register.RCX);
                    break;
                case OpCodeOperandKind.imm8:
                    instruction.SetOpKind(i, OpKind.Immediate8);
                    instruction.Immediate8 = (byte)operands.Next(256);
                    break;
                case OpCodeOperandKind.seg_rDI:
                    instruction.SetOpKind(i, OpKind.MemorySegRDI);
                    hasMemory = true;
                    break;
                case OpCodeOperandKind.mem_vsib32x or OpCodeOperandKind.mem_vsib64x:
                    SetMemory(ref instruction, i, Register.XMM0 + numbers[15], 1 << operands.Next(3));
                    hasMemory = true;
                    break;
                case OpCodeOperandKind.mem_vsib32y or OpCodeOperandKind.mem_vsib64y:
                    SetMemory(ref instruction, i, Register.YMM0 + numbers[15], 1 << operands.Next(3));
                    hasMemory = true;
                    break;
                default:
                    hasMemory |= memory || kind == OpCodeOperandKind.mem;
                    if (memory || kind == OpCodeOperandKind.mem)
                    {
                        SetMemory(ref instruction, i, Register.None, 1);
                    }
                    else
                    {
                        SetRegister(ref instruction, i, kind switch
                        {
                            OpCodeOperandKind.xmm_or_mem => Register.XMM0 + number,
                            OpCodeOperandKind.ymm_or_mem => Register.YMM0 + number,
                            OpCodeOperandKind.r32_or_mem => i == 0 ? Register.EAX : Register.ECX,
                            OpCodeOperandKind.r64_or_mem => i == 0 ? Register.RAX : Register.RCX,
                            _ => throw new InvalidOperationException($"{code}: {kind}"),
                        });
                    }

                    break;
            }
        }

        return hasMemory == memory ? instruction : null;
    }

    public static bool IsGather(Code code) => code.Mnemonic().ToString().Contains("gather", StringComparison.Ordinal);

    private static void SetRegister(ref Instruction instruction, int operand, Register register)
    {
        instruction.SetOpKind(operand, OpKind.Register);
        instruction.SetOpRegister(operand, register);
    }

    private static void SetMemory(ref Instruction instruction, int operand, Register index, int scale)
    {
        instruction.SetOpKind(operand, OpKind.Memory);
        instruction.MemoryBase = Register.RDI;
        instruction.MemoryIndex = index;
        instruction.MemoryIndexScale = scale;
        instruction.MemoryDisplSize = 1;
        instruction.MemoryDisplacement64 = 32;
    }
}
