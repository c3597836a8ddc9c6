using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// Chooses addresses for memory operands, and keeps track of which registers hold pointers and which small numbers, so that most accesses
/// land where something is.
/// </summary>
internal sealed class MemoryOperandBuilder(Random random, int bits, EdgeValues values, int reserved, Action<Instruction> emit)
{
    private readonly InstructionInfoFactory _info = new();
    private readonly RegisterRole[] _roles = new RegisterRole[16];

    private enum RegisterRole
    {
        Other,
        Pointer,
        Small,
    }

    private int Registers => bits == 64 ? 16 : 8;

    private Register Native(int number) => (bits == 64 ? Register.RAX : Register.EAX) + number;

    public void MarkPointer(int register) => _roles[register] = RegisterRole.Pointer;

    public void MarkSmall(int register) => _roles[register] = RegisterRole.Small;

    /// <summary>Forgets what an instruction overwrites.</summary>
    public void Track(in Instruction instruction)
    {
        foreach (var used in _info.GetInfo(instruction).GetUsedRegisters())
        {
            var full = used.Register.GetFullRegister();
            if (full is >= Register.RAX and <= Register.R15 && used.Access is not (OpAccess.Read or OpAccess.CondRead) && full != Register.RSP)
            {
                _roles[full - Register.RAX] = RegisterRole.Other;
            }
        }
    }

    /// <summary>Emits a load of a register with an address.</summary>
    public int LoadPointer(int register = -1)
    {
        register = register < 0 ? Free() : register;
        Load(register, random.Next(20) == 0 ? values.CodeData() : values.Pointer());
        _roles[register] = RegisterRole.Pointer;
        return register;
    }

    public void Load(int register, ulong value)
    {
        emit(bits == 64 && value > uint.MaxValue
            ? Instruction.Create(Code.Mov_r64_imm64, Register.RAX + register, value)
            : Instruction.Create(Code.Mov_r32_imm32, Register.EAX + register, (uint)value));
    }

    public Instruction WithMemory(Instruction instruction)
    {
        var operand = Choose(instruction.OpCount > 0 && instruction.Code.ToOpCode().Operands().Contains(OpCodeOperandKind.mem_offs));
        instruction.MemoryBase = operand.Base;
        instruction.MemoryIndex = operand.Index;
        instruction.MemoryIndexScale = operand.Scale;
        instruction.MemoryDisplSize = operand.DisplSize;
        instruction.MemoryDisplacement64 = bits == 64 ? (ulong)operand.Displacement : (uint)operand.Displacement;
        if (operand.SegmentPrefix != Register.None)
        {
            instruction.SegmentPrefix = operand.SegmentPrefix;
        }

        return instruction;
    }

    private MemoryOperand Choose(bool isOffsetOnly)
    {
        if (isOffsetOnly)
        {
            return new MemoryOperand(Register.None, Register.None, 1, (long)values.Pointer(), bits / 8, false, Register.None);
        }

        switch (random.Next(100))
        {
            case < 12:
                return bits == 64
                    ? new MemoryOperand(Register.RIP, Register.None, 1, Near(), 8, false, Register.None)
                    : new MemoryOperand(Register.None, Register.None, 1, (long)values.Pointer(), 4, false, Register.None);
            case < 18:
                return new MemoryOperand(Register.None, Native(Index()), 1 << random.Next(4), Near(), 4, false, Register.None);
            case < 26:
                var segment = random.Next(2) == 0 ? Register.FS : Register.GS;
                return random.Next(2) == 0
                    ? new MemoryOperand(Register.None, Register.None, 1, random.Next(-64, 64), 4, false, segment)
                    : new MemoryOperand(Native(Index()), Register.None, 1, random.Next(-32, 32), 1, false, segment);
            case < 33 when !values.IsCareful:
                return new MemoryOperand(Native(random.Next(Registers)), Register.None, 1, Displacement(), 1, false, Register.None);
            case < 37 when bits == 64:
                return new MemoryOperand(Register.EAX + Pointer(), Register.None, 1, Displacement(), 1, false, Register.None);
            case < 60:
                return new MemoryOperand(Native(Pointer()), Native(Index()), 1 << random.Next(4), Displacement(), 1, false, Register.None);
            default:
                return new MemoryOperand(Native(Pointer()), Register.None, 1, Displacement(), 1, false, Register.None);
        }
    }

    /// <summary>An address that a displacement of 32 bits reaches.</summary>
    private long Near()
    {
        while (true)
        {
            var address = values.Pointer();
            if (bits == 32 || address <= int.MaxValue)
            {
                return (long)address;
            }
        }
    }

    private int Displacement() => random.Next(values.IsCareful ? 20 : 8) switch
    {
        < 3 => 0,
        3 => random.Next(-128, 128),
        4 => random.Next(-0x1010, 0x1010),
        < 8 => random.Next(-4, 5) * 8,
        _ => random.Next(-4, 5) * 16,
    };

    private int Pointer() => Find(RegisterRole.Pointer) is var found && found >= 0 && random.Next(8) != 0 ? found : LoadPointer();

    private int Index()
    {
        if (Find(RegisterRole.Small) is var found && found >= 0)
        {
            return found;
        }

        var register = Free();
        Load(register, (ulong)(values.IsCareful && random.Next(4) != 0 ? random.Next(5) * 16 : random.Next(64)));
        _roles[register] = RegisterRole.Small;
        return register;
    }

    private int Find(RegisterRole role)
    {
        var start = random.Next(Registers);
        for (var i = 0; i < Registers; i++)
        {
            var number = (start + i) % Registers;
            if (_roles[number] == role && number != 4)
            {
                return number;
            }
        }

        return -1;
    }

    private int Free()
    {
        while (true)
        {
            var number = random.Next(Registers);
            if (number != 4 && number != reserved)
            {
                return number;
            }
        }
    }
}
