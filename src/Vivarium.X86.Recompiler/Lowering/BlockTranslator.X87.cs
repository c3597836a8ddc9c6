using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// x87 and MMX instructions run on the host's own unit, which holds the guest's registers from their first use until the next way to C#.
/// Every exception is masked in a mode that allows it, so none is raised on the host.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private const byte ExceptionMasks = 0x3F;
    private static readonly int s_fip = OffsetOf(nameof(CpuState.Fip));
    private static readonly int s_fdp = OffsetOf(nameof(CpuState.Fdp));
    private static readonly int s_fop = OffsetOf(nameof(CpuState.Fop));
    private bool _usesX87;
    private X87Note _x87Note;

    private static bool IsX87(LoweringKind kind) => kind is LoweringKind.X87 or LoweringKind.Mmx;

    /// <summary>X87, or MMX for an instruction with MMX operands, or what it was.</summary>
    private LoweringKind X87KindOf(in Instruction instruction, LoweringKind kind)
    {
        var (usesMmx, usesVectors) = (kind == LoweringKind.Mmx, false);
        for (var k = 0; k < instruction.OpCount; k++)
        {
            if (instruction.GetOpKind(k) == OpKind.Register)
            {
                usesMmx |= instruction.GetOpRegister(k).IsMM();
                usesVectors |= instruction.GetOpRegister(k).IsXMM();
            }
        }

        if (kind != LoweringKind.X87 && !usesMmx)
        {
            return kind;
        }

        if ((_mode & TranslationMode.X87) == 0 || (usesMmx && usesVectors) || IsX87Alias(instruction.Code))
        {
            return LoweringKind.Interpret;
        }

        return usesMmx ? LoweringKind.Mmx : LoweringKind.X87;
    }

    /// <summary>Encodings that no manual promises.</summary>
    private static bool IsX87Alias(Code code) => code is Code.Fcom_st0_sti_DCD0 or Code.Fcomp_st0_sti_DCD8 or Code.Fcomp_st0_sti_DED0
        or Code.Fxch_st0_sti_DDC8 or Code.Fxch_st0_sti_DFC8 or Code.Fstp_sti_DFD0 or Code.Fstp_sti_DFD8;

    /// <summary>At the entry of a block that uses them: they are loaded unless a block before did.</summary>
    private void BeginX87()
    {
        _x87Note = default;
        if (!_usesX87)
        {
            return;
        }

        _a.Alu(4, 7, HostOperand.State(EngineFields.X87LiveOffset), 0);
        var live = _a.JumpIf(5);
        _a.Call(_cache.Thunks.LoadX87);
        _a.Bind(live);
    }

    /// <summary>Behind a callback: vector and x87 registers went to the state for it, and swapped general ones to where others expect them.</summary>
    private void ReloadRegisters(bool isSwapped)
    {
        if (isSwapped)
        {
            TakeRegistersAgain();
        }


        if (_usesVectors)
        {
            _a.Call(_cache.Thunks.LoadVectors);
        }

        if (_usesX87)
        {
            _a.Call(_cache.Thunks.LoadX87);
        }
    }

    private void X87(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Wait: return;
            case Mnemonic.Fldcw: LoadControlWord(i); return;
        }

        var operand = default(HostOperand);
        if (OpAt(i)->HasMemory)
        {
            operand = Access(i, OpAt(i), instruction.MemorySize.GetSize(), _traits.Of(instruction).WritesMemory);

            // The note below takes the register for something else.
            _nextHeldGroup = AccessGroups.None;
        }

        if (_flagAnalysis.Reads(i) != 0 && NeedsHostFlags(i))
        {
            NeedFlags(Data);
        }

        if (_flagAnalysis.Writes(i) != 0)
        {
            // FCOMI and its like clear OF, SF, AF and C1, but not on every processor. FINCSTP and FDECSTP do no more than clear C1.
            _a.AluRegister(4, 7, Address, Address);
            _a.Bytes([0xD9, 0xF7, 0xD9, 0xF6]);
        }

        var encoding = GuestEncoding.Parse(_run.CodeOf(i), Is64);
        _a.Byte(encoding.Opcode);
        if (encoding.RmIsRegister)
        {
            _a.ModRm(encoding.Reg, encoding.Rm);
        }
        else
        {
            _a.ModRm(encoding.Reg, operand);
        }

        NoteFlags(i);
        NoteWrites(i);
        if (instruction.Mnemonic is not (Mnemonic.Fnstcw or Mnemonic.Fnstsw))
        {
            NoteX87(i);
        }
    }

    /// <summary>FLDCW, unless it unmasks an exception. Another vCPU may change the word between the test and the load, so it is copied.</summary>
    private void LoadControlWord(int i)
    {
        _a.LoadZero16(Data, Access(i, OpAt(i), sizeof(ushort), writes: false));
        _a.Store(4, HostOperand.State(EngineFields.ValueOffset), Data);
        var flags = TakeFlags(i);
        _a.Load(4, Data, HostOperand.State(EngineFields.ValueOffset));

        // not edi; test dil, masks.
        _a.Op(4, 0xF7, 2, Data);
        _a.Bytes([0x40, 0xF6, 0xC7, ExceptionMasks]);
        var unmasks = _a.JumpIf(5);
        AddSlowPath(i, flags, unmasks, null);
        _a.Op(4, 0xD9, 5, HostOperand.State(EngineFields.ValueOffset));
    }

    private void Mmx(int i)
    {
        if (InstructionAt(i).Mnemonic == Mnemonic.Emms)
        {
            _a.Bytes([0x0F, 0x77]);
        }
        else
        {
            Reencode(i);
        }
    }

    /// <summary>
    /// FDP is stored at once, as registers may change; FIP and FOP only where nothing does it later: records of instructions that follow
    /// carry them for the interpreter, and the last x87 instruction before a way out of the block stores them.
    /// </summary>
    private void NoteX87(int i)
    {
        var op = OpAt(i);
        if (op->HasMemory)
        {
            EmitOffset(op, Data, op->AddressShift == 32 ? 4 : 8);
            _a.Store(8, HostOperand.State(s_fdp), Data);
        }

        _x87Note = new X87Note(op->PageOffset, (ushort)op->Immediate, IsPending: true);
        if (LeavesBeforeNote(i + 1))
        {
            LoadCodeAddress(WordSize, op->PageOffset);
            _a.Store(8, HostOperand.State(s_fip), Data);
            _a.StoreImmediate16(HostOperand.State(s_fop), (ushort)op->Immediate);
            _x87Note = default;
        }
    }

    /// <summary>Whether a way out of the block comes before anything, from instruction <paramref name="i"/> on, that brings FIP and FOP up to date.</summary>
    private bool LeavesBeforeNote(int i)
    {
        for (; i < _run.Count; i++)
        {
            switch (_kinds[i])
            {
                case LoweringKind.Interpret: return false;
                case LoweringKind.X87 when InstructionAt(i).Mnemonic is not (Mnemonic.Wait or Mnemonic.Fldcw or Mnemonic.Fnstcw or Mnemonic.Fnstsw): return false;
                case LoweringKind.ConditionalJump or LoweringKind.FollowedJump or LoweringKind.CheckedJump or LoweringKind.Jump or LoweringKind.Call or LoweringKind.Return:
                    return true;
            }
        }

        return true;
    }

    private static int OffsetOf(string field) => (int)System.Runtime.InteropServices.Marshal.OffsetOf<CpuState>(field);
}
