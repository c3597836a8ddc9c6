using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>BT, BTS, BTR and BTC of a memory operand with the bit's number in a register: that reaches beyond the operand, either way.</content>
internal sealed unsafe partial class BlockTranslator
{
    private bool IsBitTestBeyond(in Instruction instruction, DecodedOp* op) =>
        instruction.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc && op->HasMemory && instruction.Op1Kind == OpKind.Register
        && (op->Flags & OpFlags.CheckSegment) == 0 && op->AddressShift != 48 && !IsFarAbsolute(instruction, op);

    /// <summary>An absolute 64-bit address does not fit the displacement of an operation.</summary>
    private bool IsFarAbsolute(in Instruction instruction, DecodedOp* op) => Is64 && op->Base == RegisterOffset.Zero && op->Index == RegisterOffset.Zero
        && (long)instruction.MemoryDisplacement64 != (int)instruction.MemoryDisplacement64;

    private void BitTestBeyond(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var op = OpAt(i);
        var size = instruction.MemorySize.GetSize();
        var number = RegisterMap.General(instruction.Op1Register);
        var usesFlags = _flagAnalysis.Reads(i) != 0 && NeedsHostFlags(i);
        var flags = TakeFlags(i);
        EmitBitAddress(op, size, number);
        Lookup(i, flags, size, writes: instruction.Mnemonic != Mnemonic.Bt, isAligned: false);
        if (instruction.Mnemonic == Mnemonic.Bt)
        {
            EmitBitRead(size, number, usesFlags);
        }
        else
        {
            EmitBitUpdate(instruction, op, size, number, usesFlags);
        }

        NoteFlags(i);
        NoteWrites(i);
    }

    /// <summary>The linear address of the word that has the bit: the operand's, and as many words further as the number says, which is signed.</summary>
    private void EmitBitAddress(DecodedOp* op, int size, ushort number)
    {
        var addressSize = op->AddressShift == 32 ? 4 : 8;
        var scale = System.Numerics.BitOperations.Log2((uint)size);
        EmitOffset(op, Address, addressSize);
        var register = RegisterFor(number, Data);
        switch (size)
        {
            case 8: _a.Move(8, Data, register); break;
            case 4: _a.Op(8, 0x63, Data, register); break;
            default:
                _a.Rex(true, Data, 0, register);
                _a.Bytes([0x0F, 0xBF]);
                _a.ModRm(Data, register);
                break;
        }

        _a.Shift(8, 7, Data, scale + 3);
        _a.LoadAddress(addressSize, Address, new HostOperand(Address, Data, scale, 0));
        if (op->SegmentBase != RegisterOffset.Zero)
        {
            _a.AluLoad(8, 0, Address, HostOperand.State(op->SegmentBase));
        }
    }

    /// <summary>BT of the word in a register, which takes the number modulo the word's bits.</summary>
    private void EmitBitRead(int size, ushort number, bool usesFlags)
    {
        if (usesFlags)
        {
            NeedFlags(Data);
        }

        var register = RegisterFor(number, Data);
        var word = register == Data ? Address : Data;
        if (size == 2)
        {
            _a.LoadZero16(word, new HostOperand(Address, 0));
            _a.Byte(0x66);
        }
        else
        {
            _a.Load(size, word, new HostOperand(Address, 0));
        }

        _a.Rex(size == 8, register, 0, word);
        _a.Bytes([0x0F, 0xA3]);
        _a.ModRm(register, word);
    }

    /// <summary>The guest's instruction with a number below the word's bits, so that it accesses that word.</summary>
    private void EmitBitUpdate(in Instruction instruction, DecodedOp* op, int size, ushort number, bool usesFlags)
    {
        _a.Move(4, Data, RegisterFor(number, Data));
        _a.Alu(4, 4, Data, (size * 8) - 1);
        if (usesFlags)
        {
            _a.Store(8, HostOperand.State(EngineFields.ValueOffset), Data);
            NeedFlags(Data);
            _a.Load(8, Data, HostOperand.State(EngineFields.ValueOffset));
        }

        if ((op->Flags & OpFlags.Lock) != 0)
        {
            _a.Byte(0xF0);
        }

        if (size == 2)
        {
            _a.Byte(0x66);
        }

        _a.Op0F(size, instruction.Mnemonic switch { Mnemonic.Bts => 0xAB, Mnemonic.Btr => 0xB3, _ => 0xBB }, Data, new HostOperand(Address, 0));
    }
}
