using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>Memory operands: the linear address, the TLB lookup, and the way out to the interpreter.</content>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>What is shifted out of an address above the offset of its TLB entry: 12 bits of page offset less 5 of entry size.</summary>
    private const int SlotShift = 7;

    private readonly List<Retry> _retries = [];

    /// <summary>Slow paths, from the first, that know where they go on.</summary>
    private int _finishedPaths;

    private const int SlotMask = (Tlb.EntryCount - 1) << TlbEntry.SizeShift;

    /// <summary>
    /// Emits what an access of instruction <paramref name="i"/> at the address of <paramref name="op"/> needs, and returns its host operand, whose
    /// base is <see cref="Address"/>; <see cref="Data"/> is free afterwards unless <paramref name="keepsData"/>. A TLB lookup costs the host's flags, a member of a group that was
    /// looked up before does not.
    /// </summary>
    private HostOperand Access(int i, DecodedOp* op, int sizeBytes, bool writes, bool isAligned = false, bool keepsData = false)
    {
        var g = _groups.Of(i);
        if (g == AccessGroups.None)
        {
            var flags = TakeFlags(i);
            var start = _a.Position;
            EmitAddress(op, 0);
            var single = Lookup(i, flags, sizeBytes, writes, isAligned, keepsData);
            if (!isAligned)
            {
                NoteLookup(i, op, start, 0, sizeBytes, writes);
            }

            return single;
        }

        ref readonly var group = ref _groups[g];
        var operand = new HostOperand(Address, _groups.OffsetOf(i));
        var held = HostOperand.State(EngineFields.HeldAddressesOffset + (group.Slot * sizeof(ulong)));
        if (i == group.First || (_heldGroup != g && !IsStored(group.Slot)))
        {
            var flags = TakeFlags(i);
            var start = _a.Position;
            EmitAddress(op, -operand.Displacement);
            Lookup(i, flags, group.High - group.Low, group.Writes, isAligned: false);
            if (writes == group.Writes && !isAligned)
            {
                NoteLookup(i, op, start, -operand.Displacement, group.High - group.Low, writes);
            }

            if (NoteHeld(i, g))
            {
                _a.Store(8, held, Address);
            }
        }
        else if (_heldGroup != g)
        {
            _a.Load(8, Address, held);
        }

        if (isAligned)
        {
            var flags = TakeFlags(i);
            _a.LoadAddress(4, Data, operand);
            _a.Bytes([0x40, 0xF6, 0xC0 | Data, (byte)(sizeBytes - 1)]);
            AddSlowPath(i, flags, _a.JumpIf(5), null);
        }

        _nextHeldGroup = g;
        return operand;
    }

    /// <summary>
    /// Lets a lookup that misses the TLB be made again once the page is there, rather than have the interpreter execute what follows. It does so
    /// where nothing but the page decides whether the access is good.
    /// </summary>
    private void NoteLookup(int i, DecodedOp* op, byte* start, int low, int sizeBytes, bool writes)
    {
        // The jump that redirects the block must not be entered in its middle.
        var isInRedirection = start > _entry && start < _entry + X64Assembler.JumpBytes;
        if (_usesX87 || isInRedirection)
        {
            return;
        }

        var isStack = op != OpAt(i);
        var record = _cache.Record(_records[i]);
        record->LookupOffset = _cache.OffsetOf(start);
        if (_isSwapped || _pageDistance != 0)
        {
            _retries.Add(new Retry(_records[i], start, _isSwapped, _pageDistance));
        }

        record->LookupLow = (short)(low + (isStack ? op->Displacement : 0));
        record->LookupBytes = (byte)sizeBytes;
        record->Lookup = (writes ? LookupKind.Write : LookupKind.Read) | (isStack ? LookupKind.Stack : 0) | (_usesVectors ? LookupKind.ReloadsVectors : 0);
    }

    /// <summary>An operation whose memory operand is at RSP plus a displacement.</summary>
    private DecodedOp StackOperand(int displacement) => new()
    {
        Base = RegisterOffset.Gpr(GuestRsp),
        Index = RegisterOffset.Zero,
        SegmentBase = RegisterOffset.Zero,
        Displacement = displacement,
        AddressShift = (byte)(64 - (WordSize * 8)),
    };

    /// <summary>The linear address of a memory operand, to <see cref="Address"/>. Only a segment base costs flags.</summary>
    private void EmitAddress(DecodedOp* op, int extraDisplacement)
    {
        EmitOffset(op, Address, op->AddressShift == 32 ? 4 : 8, extraDisplacement);
        if (op->SegmentBase != RegisterOffset.Zero)
        {
            _a.AluLoad(8, 0, Address, HostOperand.State(op->SegmentBase));
        }
    }

    /// <summary>The effective address of a memory operand, cut to <paramref name="size"/> bytes, to a register. Uses the temporaries; flags stay.</summary>
    private void EmitOffset(DecodedOp* op, int destination, int size, int extraDisplacement = 0)
    {
        var displacement = op->Displacement + extraDisplacement;
        if (op->Base == RegisterOffset.RipPage)
        {
            _a.Load(8, Address, RipPage);
            if (op->Index == RegisterOffset.Far)
            {
                _a.LoadAddress(8, Address, new HostOperand(Address, (int)RegisterOffset.FarBytes));
            }

            var distant = (long)displacement + _pageDistance;
            if (distant != (int)distant)
            {
                _a.LoadAddress(8, Address, new HostOperand(Address, _pageDistance));
                distant = displacement;
            }

            _a.LoadAddress(size, destination, new HostOperand(Address, (int)distant));
            return;
        }

        var index = op->Index == RegisterOffset.Zero ? None : RegisterFor(op->Index, Data);
        if (op->Base == RegisterOffset.Zero)
        {
            if (index == None)
            {
                _a.MoveImmediate(destination, size == 8 ? displacement : (uint)displacement);
                return;
            }

            _a.LoadAddress(size, destination, new HostOperand(None, index, op->Scale, displacement));
            return;
        }

        var register = RegisterFor(op->Base, Address);
        if (index == None && displacement == 0)
        {
            if (register != destination || size != 8)
            {
                _a.Move(size, destination, register);
            }

            return;
        }

        _a.LoadAddress(size, destination, new HostOperand(register, index, op->Scale, displacement));
    }

    /// <summary>The host register of a guest register given by its offset in the state; those kept there are loaded into <paramref name="temporary"/>.</summary>
    private int RegisterFor(ushort offset, int temporary)
    {
        var guest = offset >> 3;
        if (Of(guest) != None)
        {
            return Of(guest);
        }

        _a.Load(8, temporary, HostOperand.Gpr(guest));
        return temporary;
    }

    /// <summary>Whether a register given by its offset in the state needs no temporary; none at all does not.</summary>
    private bool IsInHost(ushort offset) => offset == RegisterOffset.Zero || Of(offset >> 3) != None;

    /// <summary>
    /// Linear address in <see cref="Address"/> to host address: one comparison tests the hit and that the access ends within the page. With
    /// <paramref name="keepsData"/> the operand needs both temporaries, and is there a little sooner.
    /// </summary>
    private HostOperand Lookup(int i, in FlagRecovery flags, int sizeBytes, bool writes, bool isAligned, bool keepsData = false)
    {
        if (_isHot && !HasSite(i) && SiteOf(i, sizeBytes, writes) is var site && site != SiteTable.None)
        {
            return LookupAtSite(site, i, flags, sizeBytes, writes, isAligned, keepsData);
        }

        var again = EmitTlbTest(AccessMode, sizeBytes, writes);
        var miss = _a.JumpIf(7);
        byte* misaligned = null;
        if (isAligned)
        {
            misaligned = EmitAlignmentTest(sizeBytes);
        }

        var page = new HostOperand(State, Data, 0, TlbEntry.TableOf(AccessMode) + TlbEntry.PageOffset);
        AddSlowPath(i, flags, misaligned, null);
        NoteMiss(_slowPaths.Count - 1, new TlbMiss(miss, again, AccessMode, writes));
        if (keepsData)
        {
            _a.Load(8, Data, page);
            return new HostOperand(Address, Data, 0, 0);
        }

        _a.AluLoad(8, 0, Address, page);
        return new HostOperand(Address, 0);
    }

    /// <summary>The mode of accesses that the block is in here.</summary>
    private int AccessMode => (int)(_mode & TranslationMode.MmuMask) >> (int)TranslationMode.MmuShift;

    /// <summary>The slow path of a lookup begins with the slot beside.</summary>
    private void NoteMiss(int path, TlbMiss miss) => _slowPaths[path] = _slowPaths[path] with { Miss = miss };

    /// <summary>What comes before the jump to the slow path: from the linear address to the offset in the page. Returns where that is compared.</summary>
    private byte* EmitTlbTest(int mode, int sizeBytes, bool writes)
    {
        if (CodeHost.HasBmi2)
        {
            _a.RotateTo(Data, Address, SlotShift);
        }
        else
        {
            _a.Move(4, Data, Address);
            _a.Shift(4, 5, Data, SlotShift);
        }

        _a.Alu(4, 4, Data, SlotMask);
        _a.AluLoad(8, 6, Address, new HostOperand(State, Data, 0, TlbEntry.TableOf(mode) + (writes ? TlbEntry.WriteTagOffset : TlbEntry.ReadTagOffset)));
        var compared = _a.Position;
        _a.Alu(8, 7, Address, 4096 - sizeBytes);
        return compared;
    }

    /// <summary>
    /// A way out to the interpreter at instruction <paramref name="i"/>. It executes all instructions up to where no host address that was looked
    /// up before is in use any more, as its own accesses may change what they stand for. A conditional or followed jump before that makes it leave the code.
    /// </summary>
    private void AddSlowPath(int i, in FlagRecovery flags, byte* first, byte* second)
    {
        var end = _groups.RegionEnd(i);
        var straight = i;
        while (straight < end && _kinds[straight + 1] is not (LoweringKind.ConditionalJump or LoweringKind.FollowedJump or LoweringKind.CheckedJump))
        {
            straight++;
        }

        var leaves = straight != end;
        end = straight;
        if (_records[i] < 0)
        {
            for (var j = i; j <= end; j++)
            {
                _records[j] = AddRecord(j, IsBranch(j) ? OpRecordFlags.Leave : OpRecordFlags.None, default);
            }
        }

        var record = _cache.Record(_records[i]);
        record->Flags = flags;
        record->X87 = _x87Note;
        record->GroupLength = (byte)(end - i + 1);
        record->Properties |= leaves ? OpRecordFlags.LeavesAfterGroup : 0;
        record->Properties |= _groups.Of(i) is var g && g != AccessGroups.None && _groups[g].First == i ? OpRecordFlags.ChecksGroup : 0;
        _slowPaths.Add(new SlowPath { First = first, Second = second, Record = _records[i], End = end, Leaves = leaves || IsBranch(end), IsSwapped = _isSwapped, PageDistance = _pageDistance });
    }

    private bool IsBranch(int i) => _kinds[i] is LoweringKind.Jump or LoweringKind.Call or LoweringKind.Return || LeavesByForm(i);

    /// <summary>Instruction <paramref name="i"/> is complete: slow paths that end with it go on here.</summary>
    private void FinishSlowPaths(int i)
    {
        while (_finishedPaths < _slowPaths.Count && _slowPaths[_finishedPaths].Resume != null)
        {
            _finishedPaths++;
        }

        for (var k = _finishedPaths; k < _slowPaths.Count; k++)
        {
            if (_slowPaths[k].Resume == null && _slowPaths[k].End == i)
            {
                _slowPaths[k] = _slowPaths[k] with { Resume = _a.Position, RestoresFlags = _flagsInHost, ResumeDistance = _pageDistance };
            }
        }
    }

    /// <summary>test sil, size - 1: the page offset decides.</summary>
    private byte* EmitAlignmentTest(int sizeBytes)
    {
        _a.Bytes([0x40, 0xF6, 0xC6, (byte)(sizeBytes - 1)]);
        return _a.JumpIf(5);
    }

    private void BindIfAny(byte* jump)
    {
        if (jump != null)
        {
            _a.Bind(jump);
        }
    }

    private void EmitSlowPaths()
    {
        EmitSiteMisses();
        foreach (var path in _slowPaths)
        {
            Parts?.Add(CodePart.SlowPath, _cache.Record(path.Record)->IndexInBlock, _a.Position);
            if (path.Miss.Jump != null)
            {
                _a.Bind(path.Miss.Jump);
                _a.Call(_cache.Thunks.FindPage(path.Miss.Mode, path.Miss.Writes));
                X64Assembler.PatchRelative(_a.JumpIf(2), path.Miss.Compared);
            }

            BindIfAny(path.First);
            BindIfAny(path.Second);

            if (path.IsSwapped)
            {
                GiveBackRegisters();
            }

            MoveCodePage(path.PageDistance);
            _a.MoveImmediate(Data, path.Record);
            _a.Call(_cache.Thunks.Interpret);
            if (path.Leaves)
            {
                continue;
            }

            ReloadRegisters(path.IsSwapped);
            MoveCodePage(-path.ResumeDistance);
            if (path.RestoresFlags)
            {
                RestoreFlags(Address);
            }

            _a.Jump(path.Resume);
        }

        foreach (var retry in _retries)
        {
            Parts?.Add(CodePart.SlowPath, _cache.Record(retry.Record)->IndexInBlock, _a.Position);
            _cache.Record(retry.Record)->LookupOffset = _cache.OffsetOf(_a.Position);
            MoveCodePage(-retry.PageDistance);
            if (retry.IsSwapped)
            {
                TakeRegistersAgain();
            }

            _a.Jump(retry.Start);
        }
    }
}
