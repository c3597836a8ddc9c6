using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>Memory operands: the linear address, the TLB lookup, and the way out to the interpreter.</content>
internal sealed unsafe partial class BlockTranslator
{
    private const int ReadTagOffset = 0;
    private const int WriteTagOffset = 8;
    private const int PageOffset = 16;

    /// <summary>What is shifted out of an address above the offset of its TLB entry: 12 bits of page offset less 5 of entry size.</summary>
    private const int SlotShift = 7;

    private const int SlotMask = (Tlb.EntryCount - 1) << 5;

    /// <summary>
    /// Emits the translation of the memory operand of instruction <paramref name="i"/>; afterwards its host address is in
    /// <see cref="Address"/>, <see cref="Data"/> is free and the host's flags are lost.
    /// </summary>
    private void TranslateOperand(int i, int sizeBytes, bool writes, bool isAligned = false)
    {
        var flags = TakeFlags(i);
        EmitAddress(OpAt(i));
        Lookup(i, flags, sizeBytes, writes, isAligned);
    }

    /// <summary>The linear address of a memory operand, to <see cref="Address"/>. Only a segment base costs flags.</summary>
    private void EmitAddress(DecodedOp* op)
    {
        EmitOffset(op, Address, op->AddressShift == 32 ? 4 : 8);
        if (op->SegmentBase != RegisterOffset.Zero)
        {
            _a.AluLoad(8, 0, Address, HostOperand.State(op->SegmentBase));
        }
    }

    /// <summary>The effective address of a memory operand, cut to <paramref name="size"/> bytes, to a register. Uses the temporaries; flags stay.</summary>
    private void EmitOffset(DecodedOp* op, int destination, int size)
    {
        var displacement = op->Displacement;
        if (op->Base == RegisterOffset.RipPage)
        {
            _a.Load(8, Address, HostOperand.State(RegisterOffset.RipPage));
            if (op->Index == RegisterOffset.Far)
            {
                _a.LoadAddress(8, Address, new HostOperand(Address, (int)RegisterOffset.FarBytes));
            }

            _a.LoadAddress(size, destination, new HostOperand(Address, displacement));
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
            _a.Move(size, destination, register);
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

    /// <summary>
    /// Linear address in <see cref="Address"/> to host address: one comparison tests the hit and that the access ends within the page.
    /// </summary>
    private void Lookup(int i, in FlagRecovery flags, int sizeBytes, bool writes, bool isAligned)
    {
        var table = VcpuMemory.TlbOffset + ((int)(_mode & TranslationMode.MmuMask) >> (int)TranslationMode.MmuShift) * Tlb.EntryCount * sizeof(TlbEntry);
        _a.Move(4, Data, Address);
        _a.Shift(4, 5, Data, SlotShift);
        _a.Alu(4, 4, Data, SlotMask);
        _a.AluLoad(8, 6, Address, new HostOperand(State, Data, 0, table + (writes ? WriteTagOffset : ReadTagOffset)));
        _a.Alu(8, 7, Address, 4096 - sizeBytes);
        var miss = _a.JumpIf(7);
        byte* misaligned = null;
        if (isAligned)
        {
            // test sil, 15: the page offset decides.
            _a.Bytes([0x40, 0xF6, 0xC6, 0x0F]);
            misaligned = _a.JumpIf(5);
        }

        _a.AluLoad(8, 0, Address, new HostOperand(State, Data, 0, table + PageOffset));
        AddSlowPath(i, flags, miss, misaligned);
    }

    private void AddSlowPath(int i, in FlagRecovery flags, byte* first, byte* second, bool leaves = false)
    {
        var op = *OpAt(i);
        op.Target = HandlerOf(op);
        _slowPaths.Add(new SlowPath
        {
            First = first,
            Second = second,
            Leaves = leaves,
            Record = _cache.AddRecord(new OpRecord
            {
                Op = op,
                Flags = flags,
                IndexInBlock = (ushort)i,
                IcedCode = (ushort)InstructionAt(i).Code,
                GroupLength = 1,
                Properties = (_flagAnalysis.Writes(i) != 0 ? OpRecordFlags.WritesFlags : 0) | (leaves ? OpRecordFlags.Leave : 0),
            }),
        });
    }

    /// <summary>The instruction is complete: slow paths of it go on here.</summary>
    private void FinishSlowPaths()
    {
        for (var k = _slowPaths.Count - 1; k >= 0 && _slowPaths[k].Resume == null; k--)
        {
            _slowPaths[k] = _slowPaths[k] with { Resume = _a.Position, RestoresFlags = _flagsInHost };
        }
    }

    private void EmitSlowPaths()
    {
        foreach (var path in _slowPaths)
        {
            Parts?.Add(CodePart.SlowPath, _cache.Record(path.Record)->IndexInBlock, _a.Position);
            _a.Bind(path.First);
            if (path.Second != null)
            {
                _a.Bind(path.Second);
            }

            _a.MoveImmediate(Data, path.Record);
            _a.Call(_cache.Thunks.Interpret);
            if (path.Leaves)
            {
                continue;
            }

            if (_usesVectors)
            {
                _a.Call(_cache.Thunks.LoadVectors);
            }

            if (path.RestoresFlags)
            {
                RestoreFlags(Address);
            }

            _a.Jump(path.Resume);
        }
    }
}
