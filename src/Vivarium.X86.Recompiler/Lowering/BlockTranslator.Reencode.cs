using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// Most user instructions run as themselves: the opcode stays, registers are mapped, a memory operand becomes its host address. Guest
/// registers that live in the state pass through the temporaries.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private void Reencode(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var encoding = GuestEncoding.Parse(_run.CodeOf(i), Is64);
        if (!encoding.HasModRm)
        {
            if (encoding.Map == 1)
            {
                SwapBytes(i, encoding);
            }
            else
            {
                Copy(i);
            }

            return;
        }

        var traits = _traits.Of(instruction);
        encoding.Repeat = traits.HasRepeatPrefix ? encoding.Repeat : (byte)0;
        encoding.Wide &= Is64 || !traits.IgnoresWide32;
        var operands = MapOperands(instruction, traits, ref encoding);
        TakeFromState(ref encoding, ref operands);
        var usesFlags = _flagAnalysis.Reads(i) != 0 && NeedsHostFlags(i);
        var memory = default(HostOperand);
        if (OpAt(i)->HasMemory)
        {
            var size = instruction.MemorySize.GetSize();
            var isAligned = (_kinds[i] == LoweringKind.AlignedVector || instruction.Mnemonic == Mnemonic.Cmpxchg16b) && size >= 16;
            var keepsData = !usesFlags && operands.Reg.Host != Data && operands.Vvvv.Host != Data;
            memory = Access(i, OpAt(i), size, traits.WritesMemory, isAligned, keepsData);
            if (usesFlags)
            {
                NeedFlags(Data);
            }

            if (operands.Vvvv.Size != 0 && operands.Vvvv.Host == Address)
            {
                _nextHeldGroup = AccessGroups.None;
            }
        }
        else
        {
            if (operands.Rm.Host != Address && operands.Vvvv.Host != Address && (operands.Reg.Host != Address || operands.Reg.Size == 0))
            {
                KeepHeldAddress();
            }

            if (usesFlags)
            {
                NeedFlags(Data);
            }
        }

        operands.Reg.Load(_a);
        operands.Rm.Load(_a);
        operands.Vvvv.Load(_a);
        if (encoding.RmIsRegister)
        {
            KeepOperand(i, operands.Rm.Host);
        }

        EmitEncoding(encoding, operands, memory);
        operands.Reg.Store(_a);
        operands.Vvvv.Store(_a);
        operands.Rm.Store(_a);
        NoteFlags(i);
        NoteWrites(i);
    }

    /// <summary>Whether earlier flags matter to the instruction: it reads them, or passes on some that are live after it.</summary>
    private bool NeedsHostFlags(int i)
    {
        var read = (byte)InstructionAt(i).RflagsRead & FlagAnalysis.All;
        var passed = FlagAnalysis.All & ~_flagAnalysis.Kills(i);
        return read != 0 || (_flagAnalysis.Writes(i) != 0 && passed != 0);
    }

    private MappedOperands MapOperands(in Instruction instruction, InstructionTraits traits, ref GuestEncoding encoding)
    {
        var operands = new MappedOperands
        {
            Reg = MappedRegister.Fixed(encoding.Reg),
            Rm = MappedRegister.Fixed(encoding.Rm),
            Vvvv = MappedRegister.Fixed(encoding.Vvvv),
        };
        var hasHigh = false;
        for (var k = 0; k < instruction.OpCount; k++)
        {
            hasHigh |= instruction.GetOpKind(k) == OpKind.Register && instruction.GetOpRegister(k) is >= Register.AH and <= Register.BH;
        }

        for (var k = 0; k < instruction.OpCount; k++)
        {
            if (instruction.GetOpKind(k) != OpKind.Register || !instruction.GetOpRegister(k).IsGPR())
            {
                continue;
            }

            var place = traits.Place(k);
            var register = instruction.GetOpRegister(k);
            if (place == OperandPlace.Reg)
            {
                operands.Reg = Map(register, traits.Reads(k), traits.Writes(k), Data, hasHigh, mayStay: false);
            }
            else if (place == OperandPlace.Vvvv)
            {
                // With a memory operand the address occupies the other temporary until the instruction writes.
                operands.Vvvv = Map(register, traits.Reads(k), traits.Writes(k), encoding.RmIsRegister || traits.Writes(k) ? Address : Data, hasHigh, mayStay: false);
            }
            else if (place is OperandPlace.Rm or OperandPlace.Opcode)
            {
                var mayStay = !traits.Writes(k) && instruction.Mnemonic is not (Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc);
                operands.Rm = Map(register, traits.Reads(k), traits.Writes(k), Address, hasHigh, mayStay);
            }
        }

        if (operands.Vvvv.Stores && operands.Vvvv.Guest == operands.Reg.Guest && operands.Reg.Stores)
        {
            // MULX to the same register twice leaves the high half.
            operands.Vvvv = operands.Vvvv with { Stores = false };
        }

        operands.HasHigh = hasHigh;
        return operands;
    }

    /// <summary>A source that lives in the state is read from there, in the other form of the operation, rather than loaded first.</summary>
    private static void TakeFromState(ref GuestEncoding encoding, ref MappedOperands operands)
    {
        if (encoding.IsVex || encoding.Map != 0 || !encoding.RmIsRegister || encoding.Opcode is not (0x01 or 0x09 or 0x11 or 0x19 or 0x21 or 0x29 or 0x31 or 0x39 or 0x89)
            || operands.Reg is not { Home: None, Loads: true, Stores: false } || operands.Rm.Stays)
        {
            return;
        }

        const int Reversed = 2;
        encoding.Opcode += Reversed;
        (operands.Reg, operands.Rm) = (operands.Rm, operands.Reg with { Host = None, Loads = false, Stays = true });
    }

    /// <summary>
    /// Where a guest register is for one instruction. Beside AH to BH no REX prefix can stand, so what needs one passes through a temporary.
    /// </summary>
    private MappedRegister Map(Register register, bool reads, bool writes, int temporary, bool hasHigh, bool mayStay)
    {
        if (register is >= Register.AH and <= Register.BH)
        {
            return MappedRegister.Fixed(register - Register.AH + 4);
        }

        var guest = register.GetFullRegister() - Register.RAX;
        var size = register.GetSize();
        var host = Of(guest);
        var mapped = new MappedRegister { Guest = guest, Home = host, Host = host, Loads = false, Stores = false, Size = size };
        if (host == None && mayStay && !hasHigh)
        {
            return mapped with { Stays = true };
        }

        if (host == None || (hasHigh && host >= 8))
        {
            return mapped with { Host = temporary, Loads = reads || (writes && size < 4), Stores = writes };
        }

        return mapped;
    }

    private void EmitEncoding(in GuestEncoding encoding, in MappedOperands operands, in HostOperand memory)
    {
        var reg = operands.Reg.Host;
        var rm = encoding.RmIsRegister ? operands.Rm.Host : Address;
        var stays = encoding.RmIsRegister && operands.Rm.Stays;
        if (encoding.Lock)
        {
            _a.Byte(0xF0);
        }

        var rmBase = stays ? State : rm;
        if (encoding.IsVex)
        {
            EmitVex(encoding, reg, rmBase, operands.Vvvv.Host);
        }
        else
        {
            if (encoding.OperandSize)
            {
                _a.Byte(0x66);
            }

            if (encoding.Repeat != 0)
            {
                _a.Byte(encoding.Repeat);
            }

            _a.Rex(encoding.Wide, reg, 0, rmBase, force: !operands.HasHigh && (operands.Reg.NeedsRex || (encoding.RmIsRegister && operands.Rm.NeedsRex)));
            if (encoding.Map != 0)
            {
                _a.Byte(0x0F);
            }

            if (encoding.Map > 1)
            {
                _a.Byte(encoding.Map == 2 ? 0x38 : 0x3A);
            }
        }

        _a.Byte(encoding.Opcode);
        if (stays)
        {
            _a.ModRm(reg, HostOperand.Gpr(operands.Rm.Guest));
        }
        else if (encoding.RmIsRegister)
        {
            _a.ModRm(reg, rm);
        }
        else
        {
            _a.ModRm(reg, memory);
        }

        _a.Bytes(encoding.Immediate);
    }

    private void EmitVex(in GuestEncoding encoding, int reg, int rm, int vvvv)
    {
        _a.Byte(0xC4);
        _a.Byte((reg < 8 ? 0x80 : 0) | 0x40 | (rm < 8 ? 0x20 : 0) | encoding.Map);
        _a.Byte((encoding.Wide ? 0x80 : 0) | ((~vvvv & 15) << 3) | (encoding.Long ? 4 : 0) | encoding.Pp);
    }

    private void SwapBytes(int i, in GuestEncoding encoding)
    {
        var register = Map(InstructionAt(i).Op0Register, true, true, Data, false, false);
        register.Load(_a);
        _a.Rex(encoding.Wide, 0, 0, register.Host);
        _a.Byte(0x0F);
        _a.Byte(0xC8 | (register.Host & 7));
        register.Store(_a);
        NoteWrites(i);
    }

    /// <summary>The same bytes without prefixes that mean nothing: all operands are where the guest has them.</summary>
    private void Copy(int i)
    {
        if (_flagAnalysis.Reads(i) != 0 && NeedsHostFlags(i))
        {
            NeedFlags(Data);
        }

        KeepHeldAddress();
        var code = _run.CodeOf(i);
        var encoding = GuestEncoding.Parse(code, Is64);
        if (encoding.OperandSize)
        {
            _a.Byte(0x66);
        }

        _a.Rex(encoding.Wide, 0, 0, 0);
        _a.Bytes(code[GuestEncoding.OpcodeAt(code, Is64)..]);
        NoteFlags(i);
        NoteWrites(i);
    }
}
