using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// Ways out of a block. Within the page a jump is linked to its target; any other goes through the vCPU's jump cache. Each way counts the
/// instructions that were executed.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private void ConditionalJump(int i)
    {
        var op = OpAt(i);
        NeedFlags(Data);
        KeepHeldAddress();
        var condition = (int)InstructionAt(i).ConditionCode - 1;
        var isFollowed = _run.IsFollowed(i);
        var staysIfTaken = isFollowed || _run.EndsRound(i);
        NoteCondition(staysIfTaken ? condition : condition ^ 1);
        _edgeStubs.Add(new EdgeStub
        {
            Condition = _a.JumpIf(staysIfTaken ? condition ^ 1 : condition),
            Target = staysIfTaken ? op->PageOffset + op->Length : (int)op->Immediate,
            Count = i + 1,
            SavesFlags = !_flagsSaved,
            IsSwapped = _isSwapped,
            PageDistance = _pageDistance,
        });
        if (isFollowed)
        {
            FollowJump(i);
        }
    }

    private void Jump(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        if (instruction.Op0Kind is OpKind.NearBranch32 or OpKind.NearBranch64)
        {
            EmitEdge((int)OpAt(i)->Immediate, i + 1);
            return;
        }

        // Saving the flags leaves RAX there, the register that most often holds a target.
        var isInData = Is64 && !_flagsSaved && !OpAt(i)->HasMemory && Of(OpAt(i)->Reg2 >> 3) == Rax;
        var flags = SaveAllFlags();
        if (!isInData)
        {
            EmitIndirectTarget(i, flags);
        }

        EndRegisters();
        EmitJumpCache(i, flags, i + 1, default);
    }

    private void Call(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var op = OpAt(i);
        var next = op->PageOffset + op->Length;
        var flags = SaveAllFlags();
        SettleCodePage();
        if (instruction.Op0Kind is OpKind.NearBranch32 or OpKind.NearBranch64)
        {
            var top = StackOperand(-WordSize);
            StoreReturnAddress(Access(i, &top, WordSize, writes: true), next);
            EndRegisters();
            MoveStackPointer(-WordSize);
            PushReturnFrame();
            CallTarget((int)op->Immediate, i + 1);
        }
        else
        {
            EmitIndirectTarget(i, flags);
            EndRegisters();
            _a.Store(8, HostOperand.State(EngineFields.ValueOffset), Data);
            EmitStackTop();
            Lookup(i, flags, WordSize, writes: true, isAligned: false);
            _a.Store(8, HostOperand.State(EngineFields.HostAddressOffset), Address);
            _a.Load(8, Data, HostOperand.State(EngineFields.ValueOffset));
            EmitJumpCache(i, flags, i + 1, new Transfer { PushedReturn = next });
        }

        EmitReturnSite(next);
    }

    /// <summary>The host's call to a direct target; its return address completes the frame.</summary>
    private void CallTarget(int target, int count)
    {
        if (!IsLinkable(target))
        {
            LoadCodeAddress(WordSize, target);
            EmitJumpCache(-1, default, count, new Transfer { IsCall = true });
            return;
        }

        _a.Alu(8, 5, HostOperand.State(EngineFields.CounterOffset), count);
        var exit = _a.JumpIf(14);
        AlignDisplacement();
        _edgeStubs.Add(new EdgeStub { Exit = exit, Link = _a.Call(), Target = target, Count = count });
    }

    /// <summary>
    /// The guest's return address in <see cref="Data"/> goes beside the host's, so that a return can tell whether they belong together. If the
    /// stack is full all frames are given up: those returns find their way through the jump cache.
    /// </summary>
    private void PushReturnFrame()
    {
        _a.AluLoad(8, 7, Rsp, HostOperand.State(EngineFields.StackLimitOffset));
        _a.Bytes([0x73, 0x04]);
        _a.Load(8, Rsp, HostOperand.State(EngineFields.HostStackOffset));
        _a.Push(Data);
    }

    /// <summary>Where a guest return comes back to: the page is this block's again, and the block behind the call follows.</summary>
    private void EmitReturnSite(int next)
    {
        _a.Pop(Data);
        _a.LoadAddress(WordSize, Data, new HostOperand(Data, -next));
        _a.Store(8, RipPage, Data);
        if (!IsLinkable(next))
        {
            EmitFarEdge(next, 0);
            return;
        }

        _edgeStubs.Add(new EdgeStub { Link = AlignedJump(), Target = next });
    }

    private void Return(int i)
    {
        var op = OpAt(i);
        var flags = SaveAllFlags();
        var top = StackOperand(0);
        _a.Load(WordSize, Data, Access(i, &top, WordSize, writes: false));
        EndRegisters();
        _a.AluLoad(8, 7, Data, new HostOperand(Rsp, 8));
        var unmatched = _a.JumpIf(5);
        MoveStackPointer(WordSize + (int)op->Immediate);
        _a.Alu(8, 5, HostOperand.State(EngineFields.CounterOffset), i + 1);
        var exit = _a.JumpIf(14);
        _a.Return();
        _a.Bind(exit);
        EmitExitAt(Data);

        // Not the caller's: frames above are of no use any more.
        _a.Bind(unmatched);
        _a.Load(8, Rsp, HostOperand.State(EngineFields.HostStackOffset));
        EmitJumpCache(i, flags, i + 1, new Transfer { Released = WordSize + (int)op->Immediate });
    }

    /// <summary>All flags are live where control leaves the block for who knows where.</summary>
    private FlagRecovery SaveAllFlags()
    {
        if (!_flagsSaved)
        {
            SaveFlags(Data);
        }

        _flagsInHost = false;
        return default;
    }

    /// <summary>RIP of the next instruction to the stack; it stays in <see cref="Data"/>.</summary>
    private void StoreReturnAddress(in HostOperand top, int pageOffset)
    {
        LoadCodeAddress(WordSize, pageOffset);
        _a.Store(WordSize, top, Data);
    }

    /// <summary>The target of an indirect branch, to <see cref="Data"/>.</summary>
    private void EmitIndirectTarget(int i, in FlagRecovery flags)
    {
        var op = OpAt(i);
        if (op->HasMemory)
        {
            EmitAddress(op, 0);
            Lookup(i, flags, WordSize, writes: false, isAligned: false);
            _a.Load(WordSize, Data, new HostOperand(Address, 0));
            return;
        }

        var register = RegisterFor(op->Reg2, Data);
        if (register != Data)
        {
            _a.Move(WordSize, Data, register);
        }
    }

    /// <summary>
    /// A direct way on to an offset from the page of this block, where <paramref name="count"/> instructions were executed. Flags go along
    /// in the state.
    /// </summary>
    private void EmitEdge(int target, int count)
    {
        if (!_flagsSaved)
        {
            SaveFlags(Data);
        }

        EndRegisters();
        MoveCodePage(_pageDistance);
        _pageDistance = 0;
        if (!IsLinkable(target))
        {
            EmitFarEdge(target, count);
            return;
        }

        _a.Alu(8, 5, HostOperand.State(EngineFields.CounterOffset), count);
        var exit = _a.JumpIf(14);
        _edgeStubs.Add(new EdgeStub { Exit = exit, Link = AlignedJump(), Target = target, Count = count });
    }

    /// <summary>
    /// Whether a jump may lead straight to an offset from the page of this block: an instruction that starts there also ends in the page, so
    /// that its block depends on no other. Where a vCPU may have to stop, its address decides.
    /// </summary>
    private bool IsLinkable(int target) =>
        target is >= 0 and <= 4096 - BlockDecoder.MaxInstructionBytes && !_cache.Stops.MayHold((ulong)target);

    /// <summary>Out of the page, or near its end: through the jump cache.</summary>
    private void EmitFarEdge(int target, int count, Seam? seam = null)
    {
        LoadCodeAddress(WordSize, target);
        EmitJumpCache(-1, default, count, new Transfer { Seam = seam });
    }

    /// <summary>
    /// Goes on at the guest address in <see cref="Data"/> if the jump cache knows it, at its place or beside. If not, the branch is completed and C# looks up
    /// what follows; an indirect one to an address that is not canonical has changed nothing yet, and the interpreter executes it.
    /// </summary>
    private void EmitJumpCache(int i, in FlagRecovery flags, int count, in Transfer transfer)
    {
        var table = JumpCacheEntry.TableOffset;
        _a.Multiply(4, Address, Data, JumpCacheEntry.HashFactor);
        _a.Shift(4, 5, Address, JumpCacheEntry.HashShift);
        _a.Alu(4, 4, Address, -(1 << JumpCacheEntry.SizeShift));
        _a.AluLoad(8, 7, Data, new HostOperand(State, Address, 0, table + JumpCacheEntry.RipOffset));
        var other = _a.JumpIf(5);
        _a.Load(8, Data, HostOperand.State(EngineFields.ContextOffset));
        _a.AluLoad(8, 7, Data, new HostOperand(State, Address, 0, table + JumpCacheEntry.ContextOffset));
        var stale = _a.JumpIf(5);
        var found = _a.Position;
        if (transfer.Seam is { } seam)
        {
            FillCell(seam);
        }

        Complete(transfer);
        if (transfer.PushedReturn != 0)
        {
            PushReturnFrame();
        }

        _a.Alu(8, 5, HostOperand.State(EngineFields.CounterOffset), count);
        var exit = _a.JumpIf(14);
        _a.Load(8, Data, new HostOperand(State, Address, 0, table + JumpCacheEntry.PageOffset));
        _a.Store(8, RipPage, Data);
        byte* over = null;
        if (transfer.IsCall || transfer.PushedReturn != 0)
        {
            _a.CallIndirect(new HostOperand(State, Address, 0, table + JumpCacheEntry.CodeOffset));
            over = _a.Jump();
        }
        else
        {
            _a.JumpIndirect(new HostOperand(State, Address, 0, table + JumpCacheEntry.CodeOffset));
        }

        // Where the context differs RIP was right.
        _a.Bind(stale);
        _a.Load(8, Data, new HostOperand(State, Address, 0, table + JumpCacheEntry.RipOffset));
        _a.Bind(other);
        _a.Call(_cache.Thunks.FindBeside);
        X64Assembler.PatchRelative(_a.JumpIf(4), found);
        if (i >= 0 && Is64)
        {
            _a.TestSelf(8, Address);
            AddSlowPath(i, flags, _a.JumpIf(5), null);
        }

        _a.Store(8, HostOperand.State(RegisterOffset.Rip), Data);
        Complete(transfer);
        _a.Alu(8, 5, HostOperand.State(EngineFields.CounterOffset), count);
        EmitExit();

        _a.Bind(exit);
        _a.Load(8, Data, new HostOperand(State, Address, 0, table + JumpCacheEntry.RipOffset));
        EmitExitAt(Data);
        if (over != null)
        {
            _a.Bind(over);
        }
    }

    /// <summary>What a call or return changes besides RIP, once it is certain; a return address stays in <see cref="Data"/>.</summary>
    private void Complete(in Transfer transfer)
    {
        if (transfer.Released != 0)
        {
            MoveStackPointer(transfer.Released);
        }

        if (transfer.PushedReturn != 0)
        {
            LoadCodeAddress(WordSize, transfer.PushedReturn);
            _a.Store(8, HostOperand.State(EngineFields.ValueOffset), Address);
            _a.Load(8, Address, HostOperand.State(EngineFields.HostAddressOffset));
            _a.Store(WordSize, new HostOperand(Address, 0), Data);
            _a.Load(8, Address, HostOperand.State(EngineFields.ValueOffset));
            MoveStackPointer(-WordSize);
        }
    }

    /// <summary>Leaves to C# with RIP from a register.</summary>
    private void EmitExitAt(int register)
    {
        _a.Store(8, HostOperand.State(RegisterOffset.Rip), register);
        EmitExit();
    }

    /// <summary>Leaves to C#, RIP being set.</summary>
    private void EmitExit()
    {
        _a.MoveImmediate(Address, ExitCode.Lookup);
        _a.Jump(_cache.Thunks.Exit);
    }

    /// <summary>A jump whose displacement can be patched in one store while others execute it.</summary>
    private byte* AlignedJump()
    {
        AlignDisplacement();
        return _a.Jump();
    }

    private void AlignDisplacement()
    {
        while ((((nint)_a.Position + 1) & 3) != 0)
        {
            _a.Byte(0x90);
        }
    }

    private void EmitEdgeStubs()
    {
        foreach (var stub in _edgeStubs)
        {
            Parts?.Add(CodePart.Edge, stub.Target, _a.Position);
            EmitEdgeStub(stub);
        }
    }

    private void EmitEdgeStub(EdgeStub stub)
    {
        if (stub.Condition != null)
        {
            _a.Bind(stub.Condition);
            if (stub.SavesFlags)
            {
                SaveFlags(Data);
            }

            if (stub.IsSwapped)
            {
                GiveBackRegisters();
            }

            if (stub.Flags.Kind != FlagRecoveryKind.Saved)
            {
                EmitFlags(stub.Flags);
                SaveFlags(Data);
            }

            MoveCodePage(stub.PageDistance);

            if (stub.Seam is not null || !IsLinkable(stub.Target))
            {
                EmitFarEdge(stub.Target, stub.Count, stub.Seam);
                return;
            }

            _a.Alu(8, 5, HostOperand.State(EngineFields.CounterOffset), stub.Count);
            stub.Exit = _a.JumpIf(14);
            stub.Link = AlignedJump();
        }

        // Until the edge is linked its jump leads here; the exit never does more than set RIP.
        var edge = _cache.AddEdge(stub.Link, _a.Position);
        _a.Bind(stub.Link);
        _a.MoveImmediate(Address, ExitCode.FirstEdge + edge);
        var common = _a.Jump();
        if (stub.Exit != null)
        {
            _a.Bind(stub.Exit);
        }

        _a.MoveImmediate(Address, ExitCode.Lookup);
        _a.Bind(common);
        LoadCodeAddress(WordSize, stub.Target);
        _a.Store(8, HostOperand.State(RegisterOffset.Rip), Data);
        _a.Jump(_cache.Thunks.Exit);
    }

    /// <summary>What a branch changes besides RIP.</summary>
    private readonly struct Transfer
    {
        /// <summary>Bytes that RSP rises by.</summary>
        public int Released { get; init; }

        /// <summary>Page offset of the return address to be stored where the stack was looked up; 0 for none.</summary>
        public int PushedReturn { get; init; }

        /// <summary>The target is called, with its frame begun already.</summary>
        public bool IsCall { get; init; }

        /// <summary>The target is followed elsewhere if its page is the right one.</summary>
        public Seam? Seam { get; init; }
    }
}
