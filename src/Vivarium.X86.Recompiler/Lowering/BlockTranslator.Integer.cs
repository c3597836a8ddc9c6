using System.Runtime.InteropServices;
using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>Integer instructions that are more than a re-encoding.</content>
internal sealed unsafe partial class BlockTranslator
{
    private const int DirectionBit = (int)Rflags.Df;
    private static readonly int s_flagSystem = (int)Marshal.OffsetOf<CpuState>(nameof(CpuState.FlagSystem));
    private static readonly int s_kernelGs = (int)Marshal.OffsetOf<CpuState>(nameof(CpuState.KernelGsBase));
    private const int OverflowShift = 11;
    private static readonly int s_privilege = (int)Marshal.OffsetOf<CpuState>(nameof(CpuState.Cpl));

    private void LoadAddress(int i)
    {
        var op = OpAt(i);
        var size = InstructionAt(i).Op0Register.GetSize();
        var addressSize = op->AddressShift == 32 ? 4 : 8;
        var guest = op->Reg1 >> 3;
        var destination = Of(guest) == None ? Address : Of(guest);

        if (destination != Address && op->Base != RegisterOffset.RipPage && IsInHost(op->Base) && IsInHost(op->Index))
        {
            KeepHeldAddress();
        }

        // What is beyond the narrower of the two is cut off in either case.
        EmitOffset(op, destination, Math.Min(size, addressSize));
        if (Of(guest) == None)
        {
            _a.Store(8, HostOperand.Gpr(guest), destination);
        }

        NoteWrites(i);
    }

    /// <summary>MOV of an immediate to a whole register.</summary>
    private void MoveImmediate(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var guest = RegisterMap.General(instruction.Op0Register) >> 3;
        var value = (long)instruction.GetImmediate(1);
        KeepHeldAddress();
        value = instruction.Op0Register.GetSize() == 4 ? (uint)value : value;
        if (Of(guest) != None)
        {
            _a.MoveImmediate(Of(guest), value);
        }
        else if (value == (int)value)
        {
            _a.StoreImmediate(8, HostOperand.Gpr(guest), (int)value);
        }
        else
        {
            _a.MoveImmediate(Data, value);
            _a.Store(8, HostOperand.Gpr(guest), Data);
        }

        NoteWrites(i);
    }

    /// <summary>CLD and STD change a flag that never is in the host's.</summary>
    private void DirectionFlag(int i)
    {
        TakeFlags(i);
        if (InstructionAt(i).Mnemonic == Mnemonic.Cld)
        {
            _a.Alu(4, 4, HostOperand.State(s_flagSystem), ~DirectionBit);
        }
        else
        {
            _a.Alu(4, 1, HostOperand.State(s_flagSystem), DirectionBit);
        }
    }

    /// <summary>CLI at CPL 0; with less privilege the interpreter looks at IOPL.</summary>
    private void ClearInterrupts(int i)
    {
        var flags = TakeFlags(i);
        _a.Alu(4, 7, HostOperand.State(s_privilege), 0);
        AddSlowPath(i, flags, _a.JumpIf(5), null);
        _a.Alu(4, 4, HostOperand.State(s_flagSystem), ~(int)Rflags.If);
    }

    /// <summary>SWAPGS at CPL 0.</summary>
    private void SwapGs(int i)
    {
        var flags = TakeFlags(i);
        _a.Alu(4, 7, HostOperand.State(s_privilege), 0);
        AddSlowPath(i, flags, _a.JumpIf(5), null);
        var gs = HostOperand.State(RegisterOffset.SegmentBase((int)X86Segment.Gs));
        _a.Load(8, Address, gs);
        _a.Load(8, Data, HostOperand.State(s_kernelGs));
        _a.Store(8, gs, Data);
        _a.Store(8, HostOperand.State(s_kernelGs), Address);
    }

    /// <summary>PUSHFQ: the image gives the arithmetic flags, VM and RF are pushed clear.</summary>
    private void PushFlags(int i)
    {
        if (!_flagsSaved)
        {
            SaveFlags(Data);
        }

        _flagsInHost = false;
        EmitStackTop();
        Lookup(i, default, WordSize, writes: true, isAligned: false);
        _a.Store(8, HostOperand.State(EngineFields.HostAddressOffset), Address);
        EmitAllFlags();
        _a.Alu(4, 4, Data, ~(int)(Rflags.Vm | Rflags.Rf));
        _a.Load(8, Address, HostOperand.State(EngineFields.HostAddressOffset));
        _a.Store(WordSize, new HostOperand(Address, 0), Data);
        MoveStackPointer(-WordSize);
        NoteWrites(i);
    }

    /// <summary>
    /// DIV and IDIV on the host, which must not fault: quotients that may not fit go to the interpreter. The divisor is read once, as another
    /// vCPU may change it between the test and the division.
    /// </summary>
    private void Divide(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var op = OpAt(i);
        var size = op->HasMemory ? instruction.MemorySize.GetSize() : instruction.Op0Register.GetSize();
        var isSigned = instruction.Mnemonic == Mnemonic.Idiv;
        var isHigh = !op->HasMemory && instruction.Op0Register is >= Register.AH and <= Register.BH;
        FlagRecovery flags;
        if (op->HasMemory)
        {
            flags = TakeFlags(i);
            EmitAddress(op, 0);
            Lookup(i, flags, size, writes: false, isAligned: false);
            LoadDivisor(size, new HostOperand(Address, 0), isSigned);
        }
        else
        {
            flags = TakeFlags(i);
            var guest = op->Reg2 >> 3;
            if (isHigh)
            {
                // movzx or movsx edi, ah to bh.
                _a.Bytes([0x0F, (byte)(isSigned ? 0xBE : 0xB6), (byte)(0xC0 | (Data << 3) | (guest + 4))]);
            }
            else if (Of(guest) == None)
            {
                LoadDivisor(size, HostOperand.Gpr(guest), isSigned);
            }
            else
            {
                ExtendDivisor(size, Of(guest), isSigned);
            }
        }

        if (isSigned)
        {
            SignedGuards(i, flags, size);
        }
        else
        {
            UnsignedGuard(i, flags, size);
        }

        if (size == 2)
        {
            _a.Byte(0x66);
        }

        _a.Rex(size == 8, 0, 0, Data, force: size == 1);
        _a.Byte(size == 1 ? 0xF6 : 0xF7);
        _a.ModRm(isSigned ? 7 : 6, Data);
        NoteFlags(i);
        NoteWrites(i);
    }

    /// <summary>To <see cref="Data"/>: the divisor from memory, extended to at least 32 bits.</summary>
    private void LoadDivisor(int size, in HostOperand memory, bool isSigned)
    {
        if (size >= 4)
        {
            _a.Load(size, Data, memory);
        }
        else
        {
            _a.Op0F(4, (isSigned ? 0xBE : 0xB6) + (size == 2 ? 1 : 0), Data, memory);
        }
    }

    private void ExtendDivisor(int size, int register, bool isSigned)
    {
        if (size >= 4)
        {
            _a.Move(size, Data, register);
            return;
        }

        _a.Rex(false, Data, 0, register, force: size == 1);
        _a.Byte(0x0F);
        _a.Byte((isSigned ? 0xBE : 0xB6) + (size == 2 ? 1 : 0));
        _a.ModRm(Data, register);
    }

    /// <summary>The quotient fits if the high half is below the divisor; a divisor of zero is never above it.</summary>
    private void UnsignedGuard(int i, in FlagRecovery flags, int size)
    {
        if (size == 1)
        {
            // movzx esi, ah
            _a.Bytes([0x0F, 0xB6, 0xC0 | (Address << 3) | 4]);
            _a.AluRegister(4, 7, Address, Data);
        }
        else if (size == 2)
        {
            _a.Byte(0x66);
            _a.AluRegister(4, 7, Rdx, Data);
        }
        else
        {
            _a.AluRegister(size, 7, Rdx, Data);
        }

        AddSlowPath(i, flags, _a.JumpIf(3), null);
    }

    /// <summary>The quotient fits if the dividend is its low half sign-extended and the divisor neither 0 nor −1.</summary>
    private void SignedGuards(int i, in FlagRecovery flags, int size)
    {
        if (size == 1)
        {
            // movsx esi, al; xor esi, eax as words: the high half must be the sign.
            _a.Bytes([0x0F, 0xBE, 0xC0 | (Address << 3)]);
            _a.Byte(0x66);
            _a.AluRegister(4, 7, Address, Rax);
        }
        else
        {
            if (size == 2)
            {
                // movsx esi, ax
                _a.Bytes([0x0F, 0xBF, 0xC0 | (Address << 3)]);
                _a.Shift(4, 7, Address, 15);
                _a.Byte(0x66);
                _a.AluRegister(4, 7, Address, Rdx);
            }
            else
            {
                _a.Move(size, Address, Rax);
                _a.Shift(size, 7, Address, (size * 8) - 1);
                _a.AluRegister(size, 7, Address, Rdx);
            }
        }

        var wide = _a.JumpIf(5);
        _a.LoadAddress(size == 8 ? 8 : 4, Address, new HostOperand(Data, 1));
        _a.Alu(size == 8 ? 8 : 4, 7, Address, 1);
        AddSlowPath(i, flags, wide, _a.JumpIf(6));
    }
}
