using Iced.Intel;

namespace Vivarium.X86;

/// <content>Which accesses share one TLB check.</content>
internal sealed unsafe partial class BlockTranslator
{
    private readonly AccessGroups _groups = new();

    /// <summary>Record of each instruction that a slow path may execute, or −1.</summary>
    private readonly int[] _records = new int[BlockDecoder.MaxInstructions];

    /// <summary>The group whose host address is in <see cref="HostRegister.Address"/> before the instruction being emitted, and after it.</summary>
    private int _heldGroup;
    private int _nextHeldGroup;

    /// <summary>Slots with the host address of the group that has them now, a bit each.</summary>
    private int _storedSlots;

    /// <summary>The instruction being emitted leaves <see cref="HostRegister.Address"/> alone.</summary>
    private void KeepHeldAddress() => _nextHeldGroup = _heldGroup;

    private bool IsStored(int slot) => (_storedSlots >> slot & 1) != 0;

    /// <summary>
    /// Instruction <paramref name="i"/> has looked up the host address of a group. Whether that must be stored: some member may not find it in
    /// <see cref="HostRegister.Address"/>. Where one does not find it in spite of that, it looks it up again.
    /// </summary>
    private bool NoteHeld(int i, int g)
    {
        ref readonly var group = ref _groups[g];
        var stores = false;
        for (var j = i + 1; j < group.Last && !stores; j++)
        {
            stores = _groups.Of(j) != g && !LeavesAddress(j);
        }

        _storedSlots = (_storedSlots & ~(1 << group.Slot)) | ((stores ? 1 : 0) << group.Slot);
        return stores;
    }

    /// <summary>Whether an instruction is emitted without <see cref="HostRegister.Address"/>, as far as that can be said beforehand.</summary>
    private bool LeavesAddress(int i)
    {
        switch (_kinds[i])
        {
            case LoweringKind.Nothing or LoweringKind.MoveImmediate or LoweringKind.ConditionalJump or LoweringKind.FollowedJump or LoweringKind.CheckedJump: return true;
            case LoweringKind.LoadAddress: return AreInHost(i) && OpAt(i)->Base != RegisterOffset.RipPage && IsInHost(OpAt(i)->Base) && IsInHost(OpAt(i)->Index);
            case LoweringKind.Reencode or LoweringKind.Vector: return !OpAt(i)->HasMemory && AreInHost(i);
            default: return false;
        }
    }

    /// <summary>Whether all general registers that are operands of instruction <paramref name="i"/> are in the host's.</summary>
    private bool AreInHost(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        for (var k = 0; k < instruction.OpCount; k++)
        {
            if (instruction.GetOpKind(k) == OpKind.Register && instruction.GetOpRegister(k) is var register && register.IsGPR() && Of(RegisterMap.General(register) >> 3) == HostRegister.None)
            {
                return false;
            }
        }

        return true;
    }

    private void FindGroups()
    {
        _heldGroup = AccessGroups.None;
        Array.Fill(_records, -1, 0, _run.Count);
        _groups.Begin(_run.Count);
        var ungrouped = _cache.Ungrouped(new BlockKey(_run.Gpa, _run.SecondPageGpa, _mode));
        for (var i = 0; i < _run.Count; i++)
        {
            NoteAccess(i, ungrouped is null || !ungrouped.Contains(OpAt(i)->PageOffset));
            NoteRegisters(i);
        }

        _groups.End(_run.Count);
    }

    private void NoteAccess(int i, bool mayLead)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var op = OpAt(i);
        switch (_kinds[i])
        {
            case LoweringKind.Reencode or LoweringKind.BitTest or LoweringKind.Vector or LoweringKind.AlignedVector or LoweringKind.Mmx or LoweringKind.X87 when op->HasMemory:
                _groups.Access(i, *op, instruction.MemorySize.GetSize(), _traits.Of(instruction).WritesMemory, mayLead);
                break;
            case LoweringKind.Push when !op->HasMemory:
            case LoweringKind.Call when IsDirect(instruction):
                _groups.Access(i, StackOperand(-WordSize), WordSize, writes: true, mayLead);
                break;
            case LoweringKind.Pop or LoweringKind.Return:
                _groups.Access(i, StackOperand(0), WordSize, writes: false, mayLead);
                break;
            case LoweringKind.Interpret or LoweringKind.SwapGs:
            case var kind when IsForm(kind) && kind != LoweringKind.BitTestBeyond:
                _groups.Break();
                break;
        }
    }

    private static bool IsDirect(in Instruction instruction) => instruction.Op0Kind is OpKind.NearBranch32 or OpKind.NearBranch64;

    /// <summary>Follows constants that are added to registers, and notes every other change.</summary>
    private void NoteRegisters(int i)
    {
        if (_run.IsFollowed(i))
        {
            _groups.ChangePage();
            return;
        }

        ref readonly var instruction = ref InstructionAt(i);
        switch (_kinds[i])
        {
            case LoweringKind.Push or LoweringKind.PushFlags:
                _groups.Add(GuestRsp, -WordSize);
                return;
            case LoweringKind.Pop when RegisterMap.General(instruction.Op0Register) >> 3 != GuestRsp:
                _groups.Add(GuestRsp, WordSize);
                _groups.Change(RegisterMap.General(instruction.Op0Register) >> 3);
                return;
            case LoweringKind.Reencode or LoweringKind.LoadAddress when TryConstantAdded(instruction, out var added):
                _groups.Add(RegisterMap.General(instruction.Op0Register) >> 3, added);
                return;
        }

        var changed = ChangedRegisters(i);
        for (var guest = 0; changed != 0; guest++, changed >>= 1)
        {
            if ((changed & 1) != 0)
            {
                _groups.Change(guest);
            }
        }
    }

    /// <summary>ADD, SUB, INC, DEC of a whole register, and LEA of a register from itself.</summary>
    private bool TryConstantAdded(in Instruction instruction, out int added)
    {
        added = 0;
        if (instruction.Op0Kind != OpKind.Register || !instruction.Op0Register.IsGPR() || instruction.Op0Register.GetSize() != WordSize)
        {
            return false;
        }

        switch (instruction.Mnemonic)
        {
            case Mnemonic.Inc: added = 1; return true;
            case Mnemonic.Dec: added = -1; return true;
            case Mnemonic.Add or Mnemonic.Sub when instruction.Op1Kind is not (OpKind.Register or OpKind.Memory):
                added = (int)(long)instruction.GetImmediate(1);
                added = instruction.Mnemonic == Mnemonic.Add ? added : -added;
                return true;
            case Mnemonic.Lea:
                added = (int)(long)instruction.MemoryDisplacement64;
                return instruction.MemoryBase == instruction.Op0Register && instruction.MemoryIndex == Register.None;
            default: return false;
        }
    }
}
