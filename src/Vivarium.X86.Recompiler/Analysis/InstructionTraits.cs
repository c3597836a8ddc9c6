using Iced.Intel;

namespace Vivarium.X86;

/// <summary>What is true of every instruction of one <see cref="Code"/>: where its operands are encoded and which of them it reads and writes.</summary>
internal sealed class InstructionTraits
{
    private const int MaxOperands = 5;
    private readonly OperandPlace[] _places = new OperandPlace[MaxOperands];
    private readonly byte _reads;
    private readonly byte _writes;

    private InstructionTraits(in Instruction instruction, InstructionInfoFactory factory)
    {
        var info = factory.GetInfo(WithDistinctRegisters(instruction), InstructionInfoOptions.NoMemoryUsage | InstructionInfoOptions.NoRegisterUsage);
        var encoding = instruction.OpCode;
        IsOnHost = Array.TrueForAll(instruction.CpuidFeatures, CodeHost.Has);
        HasRepeatPrefix = encoding.MandatoryPrefix is MandatoryPrefix.PF2 or MandatoryPrefix.PF3;
        IgnoresWide32 = encoding.IsWIG32;
        for (var i = 0; i < encoding.OpCount; i++)
        {
            _places[i] = PlaceOf(encoding.GetOpKind(i));
            var access = info.GetOpAccess(i);
            _reads |= access is OpAccess.Read or OpAccess.CondRead or OpAccess.ReadWrite or OpAccess.ReadCondWrite or OpAccess.CondWrite ? (byte)(1 << i) : (byte)0;
            _writes |= access is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite ? (byte)(1 << i) : (byte)0;
            WritesMemory |= Writes(i) && (_places[i] == OperandPlace.Rm || encoding.GetOpKind(i) is OpCodeOperandKind.mem or OpCodeOperandKind.mem_offs);
        }

        AlsoChanges = ChangesUnsaid(instruction.Mnemonic);
    }

    /// <summary>Whether the host's processor executes it.</summary>
    public bool IsOnHost { get; }

    /// <summary>F2 or F3 is part of the opcode; elsewhere the processor ignores it.</summary>
    public bool HasRepeatPrefix { get; }

    /// <summary>VEX.W has no meaning outside 64-bit mode.</summary>
    public bool IgnoresWide32 { get; }

    /// <summary>Whether it writes its operand in memory, if it has one.</summary>
    public bool WritesMemory { get; }

    /// <summary>Operands that are written, a bit each.</summary>
    public int Written => _writes;

    /// <summary>General registers that it may change beside its operands, a bit each, of instructions that run natively.</summary>
    public uint AlsoChanges { get; }

    public OperandPlace Place(int operand) => _places[operand];

    public bool Reads(int operand) => (_reads >> operand & 1) != 0;

    public bool Writes(int operand) => (_writes >> operand & 1) != 0;

    /// <summary>Iced knows that XOR of a register with itself reads nothing, which is not true of the code as such.</summary>
    private static Instruction WithDistinctRegisters(in Instruction instruction)
    {
        var distinct = instruction;
        if (instruction.Op0Kind == OpKind.Register && instruction.Op1Kind == OpKind.Register && instruction.Op0Register == instruction.Op1Register)
        {
            distinct.Op1Register = instruction.Op1Register + (instruction.Op1Register.GetNumber() % 2 == 0 ? 1 : -1);
        }

        if (instruction.OpCount > 2 && instruction.Op2Kind == OpKind.Register && instruction.Op2Register == distinct.Op1Register)
        {
            distinct.Op2Register = instruction.Op2Register + (instruction.Op2Register.GetNumber() % 4 < 2 ? 2 : -2);
        }

        return distinct;
    }

    private static uint ChangesUnsaid(Mnemonic mnemonic)
    {
        const uint Rax = 1, Rcx = 2, Rdx = 4;
        return mnemonic switch
        {
            Mnemonic.Mul or Mnemonic.Imul or Mnemonic.Cmpxchg8b or Mnemonic.Cmpxchg16b => Rax | Rdx,
            Mnemonic.Cmpxchg => Rax,
            Mnemonic.Pcmpestri or Mnemonic.Pcmpestri64 or Mnemonic.Pcmpistri or Mnemonic.Vpcmpestri or Mnemonic.Vpcmpestri64 or Mnemonic.Vpcmpistri => Rcx,
            _ => 0,
        };
    }

    private static OperandPlace PlaceOf(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.r8_reg or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_reg_mem or OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_reg_mem
            or OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_reg_mem or OpCodeOperandKind.xmm_reg or OpCodeOperandKind.ymm_reg
            or OpCodeOperandKind.mm_reg => OperandPlace.Reg,
        OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r64_or_mem
            or OpCodeOperandKind.r32_or_mem_mpx or OpCodeOperandKind.r64_or_mem_mpx or OpCodeOperandKind.r16_rm or OpCodeOperandKind.r32_rm
            or OpCodeOperandKind.r64_rm or OpCodeOperandKind.xmm_rm or OpCodeOperandKind.xmm_or_mem or OpCodeOperandKind.ymm_rm
            or OpCodeOperandKind.ymm_or_mem or OpCodeOperandKind.mm_rm or OpCodeOperandKind.mm_or_mem => OperandPlace.Rm,
        OpCodeOperandKind.r32_vvvv or OpCodeOperandKind.r64_vvvv or OpCodeOperandKind.xmm_vvvv or OpCodeOperandKind.ymm_vvvv => OperandPlace.Vvvv,
        OpCodeOperandKind.r8_opcode or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.r32_opcode or OpCodeOperandKind.r64_opcode => OperandPlace.Opcode,
        _ => OperandPlace.None,
    };

    /// <summary>Traits by code, made when a code is first met. One thread at a time.</summary>
    internal sealed class Table
    {
        private InstructionTraits?[] _byCode = new InstructionTraits?[1024];
        private readonly InstructionInfoFactory _factory = new();

        public InstructionTraits Of(in Instruction instruction)
        {
            var code = (int)instruction.Code;
            return (code < _byCode.Length ? _byCode[code] : null) ?? Add(code, instruction);
        }

        private InstructionTraits Add(int code, in Instruction instruction)
        {
            if (code >= _byCode.Length)
            {
                Array.Resize(ref _byCode, Math.Max(code + 1, 2 * _byCode.Length));
            }

            return _byCode[code] = new InstructionTraits(instruction, _factory);
        }
    }
}
