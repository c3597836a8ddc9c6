using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// String instructions upwards, within one page each of source and destination, by the host's own: its RSI and RDI are the temporaries. What
/// is longer, crosses a page or goes down is the interpreter's.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private const int GuestRsi = 6;
    private const int GuestRdi = 7;
    private const int PageBytes = 4096;

    /// <summary>How a string instruction is lowered.</summary>
    private LoweringKind StringFormOf(in Instruction instruction, DecodedOp* op)
    {
        if (!instruction.IsStringInstruction || (op->Flags & OpFlags.CheckSegment) != 0 || op->AddressShift != 64 - (WordSize * 8))
        {
            return LoweringKind.Interpret;
        }

        var repeats = (op->Flags & (OpFlags.Rep | OpFlags.RepNe)) != 0;
        return OpcodeOf(instruction.Mnemonic) switch
        {
            0 => LoweringKind.Interpret,
            MoveOpcode or StoreOpcode when repeats => LoweringKind.RepeatedString,
            _ => repeats ? LoweringKind.Interpret : LoweringKind.String,
        };
    }

    private const int MoveOpcode = 0xA4;
    private const int CompareOpcode = 0xA6;
    private const int StoreOpcode = 0xAA;
    private const int LoadOpcode = 0xAC;
    private const int ScanOpcode = 0xAE;

    /// <summary>The opcode of the form for bytes, 0 for what is not lowered.</summary>
    private static int OpcodeOf(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd or Mnemonic.Movsq => MoveOpcode,
        Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Cmpsq => CompareOpcode,
        Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd or Mnemonic.Stosq => StoreOpcode,
        Mnemonic.Lodsb or Mnemonic.Lodsw or Mnemonic.Lodsd or Mnemonic.Lodsq => LoadOpcode,
        Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd or Mnemonic.Scasq => ScanOpcode,
        _ => 0,
    };

    private static int ElementBytes(in Instruction instruction) => instruction.MemorySize.GetSize();

    /// <summary>One element. Both places are looked up before either is accessed.</summary>
    private void String(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var (opcode, size) = (OpcodeOf(instruction.Mnemonic), ElementBytes(instruction));
        var hasSource = opcode is MoveOpcode or CompareOpcode or LoadOpcode;
        var flags = TakeFlags(i);
        _a.Test(HostOperand.State(s_flagSystem), DirectionBit);
        AddSlowPath(i, flags, _a.JumpIf(5), null);
        if (opcode != LoadOpcode)
        {
            _a.Move(WordSize, Address, Of(GuestRdi));
            Lookup(i, flags, size, writes: opcode is MoveOpcode or StoreOpcode, isAligned: false);
            KeepDestination(hasSource);
        }

        if (hasSource)
        {
            EmitSource(i);
            Lookup(i, flags, size, writes: false, isAligned: false);
        }

        FetchDestination(opcode, hasSource);
        EmitStringOpcode(opcode, size, repeats: false);
        Advance(Of(GuestRsi), hasSource, None, size);
        Advance(Of(GuestRdi), opcode != LoadOpcode, None, size);
        NoteFlags(i);
        NoteWrites(i);
    }

    /// <summary>REP MOVS and REP STOS.</summary>
    private void RepeatedString(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var (opcode, size) = (OpcodeOf(instruction.Mnemonic), ElementBytes(instruction));
        var hasSource = opcode == MoveOpcode;
        var flags = TakeFlags(i);
        _a.TestSelf(WordSize, Rcx);
        var nothing = _a.JumpIf(4);
        _a.Test(HostOperand.State(s_flagSystem), DirectionBit);
        var down = _a.JumpIf(5);
        _a.Alu(WordSize, 7, Rcx, PageBytes / size);
        AddSlowPath(i, flags, down, _a.JumpIf(7));
        _a.Move(WordSize, Address, Of(GuestRdi));
        RequireFit(i, flags, size);
        Lookup(i, flags, size, writes: true, isAligned: false);
        KeepDestination(hasSource);
        if (hasSource)
        {
            EmitSource(i);
            RequireFit(i, flags, size);
            Lookup(i, flags, size, writes: false, isAligned: false);
        }

        FetchDestination(opcode, hasSource);
        Advance(Of(GuestRsi), hasSource, Rcx, size);
        Advance(Of(GuestRdi), true, Rcx, size);
        if (!Is64)
        {
            // Above the guest's count may be anything.
            _a.Move(4, Rcx, Rcx);
        }

        EmitStringOpcode(opcode, size, repeats: true);
        _a.Bind(nothing);
        NoteWrites(i);
    }

    private void EmitSource(int i)
    {
        _a.Move(WordSize, Address, Of(GuestRsi));
        if (OpAt(i)->SegmentBase != RegisterOffset.Zero)
        {
            _a.AluLoad(8, 0, Address, HostOperand.State(OpAt(i)->SegmentBase));
        }
    }

    /// <summary>All elements from the linear address in <see cref="Address"/> on must end within its page.</summary>
    private void RequireFit(int i, in FlagRecovery flags, int size)
    {
        _a.Move(4, Data, Address);
        _a.Alu(4, 4, Data, PageBytes - 1);
        _a.LoadAddress(4, Data, new HostOperand(Data, Rcx, System.Numerics.BitOperations.Log2((uint)size), 0));
        _a.Alu(4, 7, Data, PageBytes);
        AddSlowPath(i, flags, _a.JumpIf(7), null);
    }

    private void KeepDestination(bool hasSource)
    {
        if (hasSource)
        {
            _a.Store(8, HostOperand.State(EngineFields.HostAddressOffset), Address);
        }
    }

    private void FetchDestination(int opcode, bool hasSource)
    {
        if (opcode == LoadOpcode)
        {
            return;
        }

        if (hasSource)
        {
            _a.Load(8, Data, HostOperand.State(EngineFields.HostAddressOffset));
        }
        else
        {
            _a.Move(8, Data, Address);
        }
    }

    /// <summary>Moves a guest's pointer behind one element, or behind as many as <paramref name="count"/> has. Flags stay.</summary>
    private void Advance(int pointer, bool moves, int count, int size)
    {
        if (moves)
        {
            _a.LoadAddress(WordSize, pointer, count == None
                ? new HostOperand(pointer, size)
                : new HostOperand(pointer, count, System.Numerics.BitOperations.Log2((uint)size), 0));
        }
    }

    private void EmitStringOpcode(int opcode, int size, bool repeats)
    {
        if (repeats)
        {
            _a.Byte(0xF3);
        }

        if (size == 2)
        {
            _a.Byte(0x66);
        }

        _a.Rex(size == 8, 0, 0, 0);
        _a.Byte(opcode | (size == 1 ? 0 : 1));
    }
}
