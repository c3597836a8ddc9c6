using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Gives an instruction operands by the kinds that its encoding asks for.</summary>
internal sealed class OperandBuilder(Random random, int bits, EdgeValues values, Func<Instruction, Instruction> withMemory)
{
    private static readonly HashSet<OpCodeOperandKind> s_kinds =
    [
        OpCodeOperandKind.mem, OpCodeOperandKind.mem_offs, OpCodeOperandKind.seg_rBX_al,
        OpCodeOperandKind.r8_or_mem, OpCodeOperandKind.r16_or_mem, OpCodeOperandKind.r32_or_mem, OpCodeOperandKind.r64_or_mem, OpCodeOperandKind.xmm_or_mem, OpCodeOperandKind.ymm_or_mem, OpCodeOperandKind.mm_or_mem,
        OpCodeOperandKind.r8_reg, OpCodeOperandKind.r8_opcode, OpCodeOperandKind.r16_reg, OpCodeOperandKind.r16_rm, OpCodeOperandKind.r16_opcode,
        OpCodeOperandKind.r32_reg, OpCodeOperandKind.r32_rm, OpCodeOperandKind.r32_opcode, OpCodeOperandKind.r32_vvvv,
        OpCodeOperandKind.r64_reg, OpCodeOperandKind.r64_rm, OpCodeOperandKind.r64_opcode, OpCodeOperandKind.r64_vvvv,
        OpCodeOperandKind.xmm_vvvv, OpCodeOperandKind.xmm_is4, OpCodeOperandKind.ymm_reg, OpCodeOperandKind.ymm_rm, OpCodeOperandKind.ymm_vvvv, OpCodeOperandKind.ymm_is4,
        OpCodeOperandKind.xmm_reg, OpCodeOperandKind.xmm_rm, OpCodeOperandKind.mm_reg, OpCodeOperandKind.mm_rm, OpCodeOperandKind.st0, OpCodeOperandKind.sti_opcode,
        OpCodeOperandKind.al, OpCodeOperandKind.ax, OpCodeOperandKind.eax, OpCodeOperandKind.rax, OpCodeOperandKind.cl, OpCodeOperandKind.dx, OpCodeOperandKind.seg_reg,
        OpCodeOperandKind.imm8, OpCodeOperandKind.imm8_const_1, OpCodeOperandKind.imm8sex16, OpCodeOperandKind.imm8sex32, OpCodeOperandKind.imm8sex64,
        OpCodeOperandKind.imm16, OpCodeOperandKind.imm32, OpCodeOperandKind.imm32sex64, OpCodeOperandKind.imm64,
    ];

    /// <summary>The register that counts loops: never written by anything else.</summary>
    public int Reserved => bits == 64 ? 15 : 3;

    public static bool CanBuild(OpCodeOperandKind kind) => s_kinds.Contains(kind);

    /// <summary>The instruction with random operands; it may turn out impossible to encode.</summary>
    public Instruction Build(Code code)
    {
        var info = code.ToOpCode();
        var instruction = new Instruction { Code = code };
        for (var i = 0; i < info.OpCount; i++)
        {
            Set(ref instruction, i, info.GetOpKind(i));
        }

        if (info.CanUseLockPrefix && instruction.Op0Kind == OpKind.Memory && random.Next(3) == 0)
        {
            instruction.HasLockPrefix = true;
        }

        return instruction;
    }

    /// <summary>A general register: rarely the stack pointer, never the reserved one.</summary>
    public int General()
    {
        while (true)
        {
            var number = random.Next(bits == 64 ? 16 : 8);
            if (number != Reserved && (number != 4 || random.Next(12) == 0))
            {
                return number;
            }
        }
    }

    public Register Byte()
    {
        var number = General();
        if (number is 4 or 5 or 6 or 7)
        {
            return bits == 64 && random.Next(2) == 0 ? Register.SPL + (number - 4) : number == 7 && Reserved == 3 ? Register.AH : Register.AH + (number - 4);
        }

        return number < 4 ? Register.AL + number : Register.R8L + (number - 8);
    }

    /// <summary>A vector register: more often than not one of the first four.</summary>
    private int Vector() => random.Next(3) == 0 ? random.Next(bits == 64 ? 16 : 8) : random.Next(4);

    private void Set(ref Instruction instruction, int index, OpCodeOperandKind kind)
    {
        switch (kind)
        {
            case OpCodeOperandKind.mem:
            case OpCodeOperandKind.mem_offs:
                instruction.SetOpKind(index, OpKind.Memory);
                instruction = withMemory(instruction);
                break;
            case OpCodeOperandKind.seg_rBX_al:
                instruction.SetOpKind(index, OpKind.Memory);
                instruction.MemoryBase = bits == 64 ? Register.RBX : Register.EBX;
                instruction.MemoryIndex = Register.AL;
                break;
            case OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r64_or_mem
                or OpCodeOperandKind.xmm_or_mem or OpCodeOperandKind.ymm_or_mem or OpCodeOperandKind.mm_or_mem when random.Next(100) < 55:
                instruction.SetOpKind(index, OpKind.Memory);
                instruction = withMemory(instruction);
                break;
            default:
                if (ChooseRegister(kind) is var register && register != Register.None)
                {
                    instruction.SetOpKind(index, OpKind.Register);
                    instruction.SetOpRegister(index, register);
                }
                else
                {
                    SetImmediate(ref instruction, index, kind);
                }

                break;
        }
    }

    private Register ChooseRegister(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r8_reg or OpCodeOperandKind.r8_opcode => Byte(),
        OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_rm or OpCodeOperandKind.r16_opcode => Register.AX + General(),
        OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_rm or OpCodeOperandKind.r32_opcode or OpCodeOperandKind.r32_vvvv
            => Register.EAX + General(),
        OpCodeOperandKind.r64_or_mem or OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_rm or OpCodeOperandKind.r64_opcode or OpCodeOperandKind.r64_vvvv
            => Register.RAX + General(),
        OpCodeOperandKind.xmm_or_mem or OpCodeOperandKind.xmm_reg or OpCodeOperandKind.xmm_rm or OpCodeOperandKind.xmm_vvvv or OpCodeOperandKind.xmm_is4
            => Register.XMM0 + Vector(),
        OpCodeOperandKind.ymm_or_mem or OpCodeOperandKind.ymm_reg or OpCodeOperandKind.ymm_rm or OpCodeOperandKind.ymm_vvvv or OpCodeOperandKind.ymm_is4
            => Register.YMM0 + Vector(),
        OpCodeOperandKind.mm_or_mem or OpCodeOperandKind.mm_reg or OpCodeOperandKind.mm_rm => Register.MM0 + random.Next(8),
        OpCodeOperandKind.st0 => Register.ST0,
        OpCodeOperandKind.sti_opcode => Register.ST0 + random.Next(8),
        OpCodeOperandKind.al => Register.AL,
        OpCodeOperandKind.ax => Register.AX,
        OpCodeOperandKind.eax => Register.EAX,
        OpCodeOperandKind.rax => Register.RAX,
        OpCodeOperandKind.cl => Register.CL,
        OpCodeOperandKind.dx => Register.DX,
        OpCodeOperandKind.seg_reg => Register.ES + random.Next(6),
        _ => Register.None,
    };

    private void SetImmediate(ref Instruction instruction, int index, OpCodeOperandKind kind)
    {
        var value = values.Integer();
        var opKind = kind switch
        {
            OpCodeOperandKind.imm8 or OpCodeOperandKind.imm8_const_1 => OpKind.Immediate8,
            OpCodeOperandKind.imm8sex16 => OpKind.Immediate8to16,
            OpCodeOperandKind.imm8sex32 => OpKind.Immediate8to32,
            OpCodeOperandKind.imm8sex64 => OpKind.Immediate8to64,
            OpCodeOperandKind.imm16 => OpKind.Immediate16,
            OpCodeOperandKind.imm32 => OpKind.Immediate32,
            OpCodeOperandKind.imm32sex64 => OpKind.Immediate32to64,
            OpCodeOperandKind.imm64 => OpKind.Immediate64,
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
        };
        instruction.SetOpKind(index, opKind);
        instruction.SetImmediate(index, kind switch
        {
            OpCodeOperandKind.imm8_const_1 => 1,
            OpCodeOperandKind.imm8 => (byte)value,
            OpCodeOperandKind.imm8sex16 or OpCodeOperandKind.imm8sex32 or OpCodeOperandKind.imm8sex64 => (ulong)(sbyte)value,
            OpCodeOperandKind.imm16 => (ushort)value,
            OpCodeOperandKind.imm32 => (uint)value,
            OpCodeOperandKind.imm32sex64 => (ulong)(int)value,
            _ => value,
        });
    }
}
