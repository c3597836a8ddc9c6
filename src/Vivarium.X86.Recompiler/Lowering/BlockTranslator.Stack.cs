using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>PUSH, POP and LEAVE in flat code, at the mode's own width.</content>
internal sealed unsafe partial class BlockTranslator
{
    private const int GuestRsp = 4;
    private const int GuestRbp = 5;

    private int StackPointer => Of(GuestRsp);

    private void Push(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var op = OpAt(i);
        if (op->HasMemory)
        {
            PushMemory(i);
            return;
        }

        var top = StackOperand(-WordSize);
        var operand = Access(i, &top, WordSize, writes: true);
        if (instruction.Op0Kind == OpKind.Register)
        {
            _a.Store(WordSize, operand, RegisterFor(RegisterMap.General(instruction.Op0Register), Data));
        }
        else
        {
            _a.StoreImmediate(WordSize, operand, (int)(long)instruction.GetImmediate(0));
        }

        MoveStackPointer(-WordSize);
        NoteWrites(i);
    }

    /// <summary>The operand is read first; while the stack is looked up it waits in the engine's field, as both temporaries are in use.</summary>
    private void PushMemory(int i)
    {
        var flags = TakeFlags(i);
        EmitAddress(OpAt(i), 0);
        Lookup(i, flags, WordSize, writes: false, isAligned: false);
        _a.Load(WordSize, Data, new HostOperand(Address, 0));
        _a.Store(WordSize, HostOperand.State(EngineFields.ValueOffset), Data);
        EmitStackTop();
        Lookup(i, flags, WordSize, writes: true, isAligned: false);
        _a.Load(WordSize, Data, HostOperand.State(EngineFields.ValueOffset));
        _a.Store(WordSize, new HostOperand(Address, 0), Data);
        MoveStackPointer(-WordSize);
        NoteWrites(i);
    }

    private void Pop(int i)
    {
        var guest = RegisterMap.General(InstructionAt(i).Op0Register) >> 3;
        var top = StackOperand(0);
        var operand = Access(i, &top, WordSize, writes: false);
        if (guest != GuestRsp)
        {
            MoveStackPointer(WordSize);
        }

        var host = Of(guest);
        _a.Load(WordSize, host == None ? Data : host, operand);
        if (host == None)
        {
            _a.Store(8, HostOperand.Gpr(guest), Data);
        }

        NoteWrites(i);
    }

    /// <summary>LEAVE: RSP becomes RBP, then RBP is popped.</summary>
    private void LeaveFrame(int i)
    {
        var flags = TakeFlags(i);
        _a.Move(WordSize, Address, Of(GuestRbp));
        Lookup(i, flags, WordSize, writes: false, isAligned: false);
        _a.LoadAddress(WordSize, StackPointer, new HostOperand(Of(GuestRbp), WordSize));
        _a.Load(WordSize, Of(GuestRbp), new HostOperand(Address, 0));
        NoteWrites(i);
    }

    private void EmitStackTop() => _a.LoadAddress(WordSize, Address, new HostOperand(StackPointer, -WordSize));

    private void MoveStackPointer(int bytes) => _a.LoadAddress(WordSize, StackPointer, new HostOperand(StackPointer, bytes));
}
