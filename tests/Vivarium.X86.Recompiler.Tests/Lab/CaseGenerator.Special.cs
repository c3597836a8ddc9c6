using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <content>Instructions that need preparation: strings, and those with undefined results for some operands.</content>
internal sealed partial class CaseGenerator
{
    private const int Rcx = 1;
    private const int Rbx = 3;
    private const int Rsi = 6;
    private const int Rdi = 7;

    private void AddString()
    {
        var code = _catalogue.Pick(InstructionKind.String, _random);
        var info = code.ToOpCode();
        var instruction = new Instruction { Code = code };
        var isNarrow = Is64 && _random.Next(12) == 0;
        for (var i = 0; i < info.OpCount; i++)
        {
            var kind = info.GetOpKind(i);
            instruction.SetOpKind(i, kind switch
            {
                OpCodeOperandKind.es_rDI => Is64 && !isNarrow ? OpKind.MemoryESRDI : OpKind.MemoryESEDI,
                OpCodeOperandKind.seg_rSI => Is64 && !isNarrow ? OpKind.MemorySegRSI : OpKind.MemorySegESI,
                OpCodeOperandKind.seg_rDI => Is64 && !isNarrow ? OpKind.MemorySegRDI : OpKind.MemorySegEDI,
                _ => OpKind.Register,
            });
            if (instruction.GetOpKind(i) == OpKind.Register)
            {
                instruction.SetOpRegister(i, kind switch
                {
                    OpCodeOperandKind.al => Register.AL,
                    OpCodeOperandKind.ax => Register.AX,
                    OpCodeOperandKind.eax => Register.EAX,
                    OpCodeOperandKind.rax => Register.RAX,
                    OpCodeOperandKind.mm_reg or OpCodeOperandKind.mm_rm => Register.MM0 + _random.Next(8),
                    _ => Register.XMM0 + _random.Next(8),
                });
            }
        }

        PrepareString(instruction);
        if (instruction.IsStringInstruction && _random.Next(3) != 0)
        {
            var compares = instruction.Mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Cmpsq
                or Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd or Mnemonic.Scasq;
            instruction.HasRepnePrefix = compares && _random.Next(2) == 0;
            instruction.HasRepPrefix = !instruction.HasRepnePrefix;
        }

        if (_random.Next(12) == 0 && info.Operands().Contains(OpCodeOperandKind.seg_rSI))
        {
            instruction.SegmentPrefix = _random.Next(2) == 0 ? Register.FS : Register.GS;
        }

        Add(instruction);
    }

    /// <summary>Loads the pointers and the count with something that fits, more often than not.</summary>
    private void PrepareString(in Instruction instruction)
    {
        if (_random.Next(8) == 0)
        {
            Add(Instruction.Create(_random.Next(2) == 0 ? Code.Std : Code.Cld));
        }

        if (_random.Next(4) == 0)
        {
            return;
        }

        var source = _values.Pointer();
        _memory.Load(Rsi, source);
        _memory.Load(Rdi, _random.Next(3) == 0 ? source + (ulong)_random.Next(-20, 20) : _values.Pointer());
        if (instruction.IsStringInstruction)
        {
            _memory.Load(Rcx, (ulong)(_random.Next(8) == 0 ? _random.Next(0x1200) : _random.Next(48)));
        }
    }

    /// <summary>Loads registers that few other values suit: the bit offset of BT in memory, the table of XLAT.</summary>
    private void Prepare(in Instruction instruction)
    {
        if (_random.Next(4) == 0)
        {
            return;
        }

        if (instruction.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc && instruction.Op0Kind == OpKind.Memory && instruction.Op1Kind == OpKind.Register)
        {
            var offset = instruction.Op1Register.GetFullRegister() - Register.RAX;
            if (instruction.MemoryBase.GetFullRegister() - Register.RAX != offset && instruction.MemoryIndex.GetFullRegister() - Register.RAX != offset)
            {
                _memory.Load(offset, Is64 ? (ulong)_random.Next(-300, 900) : (uint)_random.Next(-300, 900));
            }
        }
        else if (instruction.Mnemonic == Mnemonic.Xlatb && Is64)
        {
            _memory.LoadPointer(Rbx);
        }
    }

    private void AddSpecialInteger()
    {
        switch (_random.Next(12))
        {
            case 0 when _random.Next(4) == 0: Add(Instruction.Create(_random.Next(2) == 0 ? Code.Ud2 : Code.Int3)); break;
            case < 4: AddScan(); break;
            default: AddDoubleShift(); break;
        }
    }

    /// <summary>BSF or BSR of something that is not zero, for then the result would be undefined.</summary>
    private void AddScan()
    {
        var (target, source) = (_operands.General(), _operands.General());
        var is64 = Is64 && _random.Next(2) == 0;
        Add(Instruction.Create(Code.Or_rm32_imm8, Register.EAX + source, 1 << _random.Next(7)));
        var forward = _random.Next(2) == 0;
        Add(is64
            ? Instruction.Create(forward ? Code.Bsf_r64_rm64 : Code.Bsr_r64_rm64, Register.RAX + target, Register.RAX + source)
            : Instruction.Create(forward ? Code.Bsf_r32_rm32 : Code.Bsr_r32_rm32, Register.EAX + target, Register.EAX + source));
    }

    /// <summary>SHLD or SHRD by no more than the width, for then the result would be undefined.</summary>
    private void AddDoubleShift()
    {
        Code[] codes = Is64
            ? [Code.Shld_rm64_r64_imm8, Code.Shrd_rm64_r64_imm8, Code.Shld_rm64_r64_CL, Code.Shrd_rm64_r64_CL, Code.Shld_rm32_r32_CL, Code.Shrd_rm32_r32_imm8]
            : [Code.Shld_rm32_r32_imm8, Code.Shrd_rm32_r32_imm8, Code.Shld_rm32_r32_CL, Code.Shrd_rm32_r32_CL];
        if (_random.Next(4) == 0)
        {
            var narrow = _operands.Build(_random.Next(2) == 0 ? Code.Shld_rm16_r16_imm8 : Code.Shrd_rm16_r16_imm8);
            narrow.Immediate8 = (byte)_random.Next(17);
            Add(narrow);
            return;
        }

        Add(_operands.Build(codes[_random.Next(codes.Length)]));
    }

    /// <summary>FCOMI and its like behind FTST, which clears C1: processors disagree on whether they do it themselves.</summary>
    private void AddCompareToFlags()
    {
        Code[] codes = [Code.Fcomi_st0_sti, Code.Fcomip_st0_sti, Code.Fucomi_st0_sti, Code.Fucomip_st0_sti];
        Add(Instruction.Create(Code.Ftst));
        Add(_operands.Build(codes[_random.Next(codes.Length)]));
    }
}
