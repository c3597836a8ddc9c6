using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <content>Branches, calls and the stack.</content>
internal sealed partial class CaseGenerator
{
    private bool Is64 => _bits == 64;

    private Register Native(int number) => (Is64 ? Register.RAX : Register.EAX) + number;

    private void AddBranch()
    {
        switch (_random.Next(12))
        {
            case < 6:
                var isShort = _random.Next(2) == 0;
                Add(BranchCatalogue.To(_branches.Conditional(_random, isShort)), _steps.Count + 1 + _random.Next(isShort ? 4 : 9));
                break;
            case 6:
                Add(BranchCatalogue.To(_random.Next(2) == 0 ? _branches.ShortJump : _branches.NearJump), _steps.Count + 1 + _random.Next(4));
                break;
            case < 9:
                AddLoop();
                break;
            case 9:
                AddIndirect();
                break;
            default:
                AddCall();
                break;
        }
    }

    /// <summary>A branch backwards, at most as often as the reserved register says.</summary>
    private void AddLoop()
    {
        var target = Math.Max(0, _steps.Count - _random.Next(1, 7));
        Add(Instruction.Create(Code.Sub_rm32_imm8, Register.EAX + _operands.Reserved, 1));
        Add(BranchCatalogue.To(_branches.LessOrEqual), _steps.Count + 2);
        Add(BranchCatalogue.To(_random.Next(3) == 0 ? _branches.NearJump : _branches.Conditional(_random, _random.Next(2) == 0)), target);
    }

    private void AddIndirect()
    {
        var register = Native(FreeRegister());
        var target = _steps.Count + 3 + _random.Next(3);
        Add(AddressOf(register), target);
        if (_random.Next(2) == 0)
        {
            Add(Instruction.Create(Is64 ? Code.Jmp_rm64 : Code.Jmp_rm32, register));
            return;
        }

        Add(Instruction.Create(Is64 ? Code.Push_r64 : Code.Push_r32, register));
        Add(Instruction.Create(Is64 ? Code.Jmp_rm64 : Code.Jmp_rm32, new MemoryOperand(Native(4))));
    }

    private void AddCall()
    {
        var call = _steps.Count;
        if (_random.Next(4) == 0)
        {
            var register = Native(FreeRegister());
            Add(AddressOf(register), call + 3);
            Add(Instruction.Create(Is64 ? Code.Call_rm64 : Code.Call_rm32, register));
        }
        else
        {
            Add(BranchCatalogue.To(_branches.Call), call + 2);
        }

        var over = _steps.Count;
        Add(BranchCatalogue.To(_branches.NearJump));
        for (var i = _random.Next(3); i >= 0; i--)
        {
            AddOne(s_themes[1]);
        }

        if (_random.Next(6) == 0)
        {
            Add(Instruction.Create(_branches.ReturnAndPop, _random.Next(5) * 8));
        }
        else
        {
            Add(Instruction.Create(_branches.Return));
        }

        _steps[over] = _steps[over] with { Target = _steps.Count };
    }

    private void AddStack()
    {
        var native = Native(_operands.General());
        switch (_random.Next(14))
        {
            case < 3: Add(Instruction.Create(Is64 ? Code.Push_r64 : Code.Push_r32, native)); break;
            case < 5: Add(Instruction.Create(Is64 ? Code.Pop_r64 : Code.Pop_r32, native)); break;
            case 5: Add(Instruction.Create(_random.Next(2) == 0 ? Code.Push_r16 : Code.Pop_r16, Register.AX + _operands.General())); break;
            case 6: Add(Instruction.Create(Is64 ? Code.Pushq_imm8 : Code.Pushd_imm8, _random.Next(-128, 128))); break;
            case 7: Add(Instruction.Create(Is64 ? Code.Pushq_imm32 : Code.Pushd_imm32, _random.Next(int.MinValue, int.MaxValue))); break;
            case 8: Add(_operands.Build(Is64 ? Code.Push_rm64 : Code.Push_rm32)); break;
            case 9: Add(_operands.Build(Is64 ? Code.Pop_rm64 : Code.Pop_rm32)); break;
            case 10: Add(Instruction.Create(Is64 ? Code.Pushfq : Code.Pushfd)); break;
            case 11: AddPopFlags(); break;
            case 12: AddFrame(); break;
            default: AddRareStack(); break;
        }
    }

    private void AddPopFlags()
    {
        if (_random.Next(5) != 0)
        {
            var flags = 2 | ((uint)_random.Next() & (uint)Rflags.Arithmetic) | (_random.Next(4) == 0 ? (uint)Rflags.Df : 0) | (_random.Next(12) == 0 ? (uint)Rflags.Tf : 0)
                | (_random.Next(6) == 0 ? (uint)Rflags.Ac : 0);
            Add(Instruction.Create(Is64 ? Code.Pushq_imm32 : Code.Pushd_imm32, (int)flags));
        }

        Add(Instruction.Create(Is64 ? Code.Popfq : Code.Popfd));
    }

    private void AddFrame()
    {
        if (_random.Next(2) == 0)
        {
            Add(Instruction.Create(Is64 ? Code.Enterq_imm16_imm8 : Code.Enterd_imm16_imm8, _random.Next(64), _random.Next(3) == 0 ? _random.Next(34) : 0));
        }
        else
        {
            if (_random.Next(3) != 0)
            {
                Add(Instruction.Create(Is64 ? Code.Mov_r64_rm64 : Code.Mov_r32_rm32, Native(5), Native(4)));
            }

            Add(Instruction.Create(Is64 ? Code.Leaveq : Code.Leaved));
        }
    }

    private void AddRareStack()
    {
        switch (_random.Next(5))
        {
            case 0: Add(Instruction.Create(_branches.Return)); break;
            case 1 when !Is64: Add(Instruction.Create(_random.Next(2) == 0 ? Code.Pushad : Code.Pushaw)); break;
            case 2: Add(Instruction.Create(Code.Pushfw)); break;
            default:
                Add(Is64
                    ? Instruction.Create(Code.Add_rm64_imm8, Register.RSP, _random.Next(-8, 9) * 8)
                    : Instruction.Create(Code.Add_rm32_imm8, Register.ESP, _random.Next(-8, 9) * 4));
                break;
        }
    }

    /// <summary>A register with the address of a step.</summary>
    private Instruction AddressOf(Register register) => Is64
        ? Instruction.Create(Code.Lea_r64_m, register, new MemoryOperand(Register.RIP, Register.None, 1, (long)LabLayout.Code, 8, false, Register.None))
        : Instruction.Create(Code.Mov_r32_imm32, register, (uint)LabLayout.Code);

    private int FreeRegister()
    {
        int register;
        do
        {
            register = _operands.General();
        }
        while (register == 4);

        return register;
    }
}
