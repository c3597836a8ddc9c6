using Iced.Intel;

namespace Vivarium.X86;

/// <summary>
/// Translates one decoded run of guest code: liveness of flags, then each instruction in turn, then what lies out of line. One serves one
/// vCPU; it writes to the shared cache while it holds its gate.
/// </summary>
internal sealed unsafe partial class BlockTranslator
{
    private readonly X64Assembler _a = new();
    private readonly InstructionTraits.Table _traits = new();
    private readonly KnownKinds _knownKinds = new();
    private readonly LoweringKind[] _kinds = new LoweringKind[BlockDecoder.MaxInstructions];
    private readonly List<SlowPath> _slowPaths = [];
    private readonly List<EdgeStub> _edgeStubs = [];
    private CodeCache _cache = null!;
    private DecodedRun _run = null!;
    private TranslationMode _mode;
    private byte* _entry;
    private bool _usesVectors;
    private bool _isHot;

    /// <summary>Where the parts of a block are noted for whoever wants to look at it.</summary>
    public CodeMap? Parts { get; init; }

    /// <summary>
    /// Translates a run into the cache, which has room for it, and returns the block. Code that is hot is laid out with more effort: loops
    /// several times, registers in better places, accesses with a page of their own.
    /// </summary>
    /// <param name="cache">Where to.</param>
    /// <param name="run">What.</param>
    /// <param name="mode">Under what.</param>
    /// <param name="isHot">Whether it runs often.</param>
    /// <param name="exits">Samples of the block so far, or null.</param>
    /// <param name="seams">Jumps of the run into other pages that were followed.</param>
    public TranslatedBlock Translate(CodeCache cache, DecodedRun run, TranslationMode mode, bool isHot, ExitSamples? exits = null, params ReadOnlySpan<Seam> seams)
    {
        if (cache != _cache)
        {
            _knownKinds.Clear();
        }

        _isHot = isHot;
        _cache = cache;
        _run = run;
        _mode = mode;
        var count = run.Count;
        if (isHot && !cache.Stops.MayHold(run.Gpa))
        {
            run.Unroll();
        }

        TakeSeams(seams);
        _slowPaths.Clear();
        _finishedPaths = 0;
        _edgeStubs.Clear();
        _retries.Clear();
        _pageDistance = 0;
        _siteMisses.Clear();
        Classify();
        AnalyzeFlags();
        FindGroups();
        AssignRegisters();
        _a.Begin(cache.Next);
        _a.Align(16);
        _entry = _a.Position;
        Parts?.Begin(_entry, _swaps.AsSpan(0, _swapCount));
        BeginVectors();
        BeginX87();
        BeginRegisters();
        BeginFlags();
        var isOpen = true;
        for (var i = 0; i < run.Count; i++)
        {
            _nextHeldGroup = AccessGroups.None;
            Parts?.AddInstruction(i, _kinds[i], _flagAnalysis.LiveBefore(i), _a.Position);
            isOpen = Lower(i);
            _heldGroup = _nextHeldGroup;
            FinishSlowPaths(i);
        }

        if (isOpen)
        {
            Parts?.Add(CodePart.End, run.Count - 1, _a.Position);
            EmitEdge(run.EndOffset, run.Count);
        }

        _pageDistance = 0;
        EmitSlowPaths();
        EmitEdgeStubs();
        return cache.Add(new BlockKey(run.Gpa, run.SecondPageGpa, mode), _entry, _a.Position, count, isHot, run, FollowedBlocks(seams), exits ?? new ExitSamples());
    }

    private bool Is64 => (_mode & (TranslationMode)DecodeMode.Code64) != 0;

    /// <summary>Size of an address, and of RIP, in bytes.</summary>
    private int WordSize => Is64 ? 8 : 4;

    private ref readonly Instruction InstructionAt(int i) => ref _run.Instructions[i];

    private DecodedOp* OpAt(int i) => _run.Ops + i;

    private void Classify()
    {
        _usesVectors = _usesX87 = false;
        _knownKinds.Begin(_mode);
        for (var i = 0; i < _run.Count; i++)
        {
            _kinds[i] = KindOf(i);
            _usesVectors |= IsVector(_kinds[i]);
            _usesX87 |= IsX87(_kinds[i]);
        }
    }

    private LoweringKind KindOf(int i)
    {
        if (_run.IsFollowed(i) && OpAt(i)->Code == OpCode.Jump)
        {
            return SeamAt(i) is { Cell: not SeamTable.None } ? LoweringKind.CheckedJump : LoweringKind.FollowedJump;
        }

        ref readonly var instruction = ref InstructionAt(i);
        var op = OpAt(i);
        var isExceptional = IsRefused(op) || (op->HasMemory && ((op->Flags & OpFlags.CheckSegment) != 0 || op->AddressShift == 48 || IsFarAbsolute(instruction, op)));
        if (!isExceptional && _knownKinds.TryGet(instruction.Code, op->HasMemory, out var known))
        {
            return known;
        }

        var kind = FindKind(i);
        if (!isExceptional && !instruction.IsStringInstruction && (Is64 || instruction.Encoding == EncodingKind.Legacy))
        {
            _knownKinds.Add(instruction.Code, op->HasMemory, kind);
        }

        return kind;
    }

    private LoweringKind FindKind(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var op = OpAt(i);
        var kind = LoweringTable.Of(instruction);
        if (FormOf(i) is var form && form != LoweringKind.Interpret)
        {
            return form;
        }

        if (kind == LoweringKind.Interpret || (kind != LoweringKind.Nothing && !_traits.Of(instruction).IsOnHost) || (op->HasMemory && ((op->Flags & OpFlags.CheckSegment) != 0 || op->AddressShift == 48)) || IsRefused(op))
        {
            return LoweringKind.Interpret;
        }

        if (kind is LoweringKind.Jump or LoweringKind.Call or LoweringKind.Return or LoweringKind.ConditionalJump)
        {
            return IsNearBranch(instruction, op) ? kind : LoweringKind.Interpret;
        }

        if (_cache.InterpretsApproximations && IsApproximation(instruction.Mnemonic))
        {
            return LoweringKind.Interpret;
        }

        kind = X87KindOf(instruction, kind);
        if (kind is LoweringKind.X87 or LoweringKind.Interpret)
        {
            return kind;
        }

        if (IsVector(kind) && !CanUseVectors(i, kind))
        {
            return LoweringKind.Interpret;
        }

        for (var k = 0; k < instruction.OpCount; k++)
        {
            var isMemory = instruction.GetOpKind(k) == OpKind.Memory;
            if (isMemory && instruction.MemorySize.GetSize() == 0 && kind != LoweringKind.LoadAddress)
            {
                return LoweringKind.Interpret;
            }

            if (instruction.GetOpKind(k) == OpKind.Register && !IsMapped(instruction.GetOpRegister(k)))
            {
                return LoweringKind.Interpret;
            }
        }

        if (op->HasMemory && IsFarAbsolute(instruction, op))
        {
            return LoweringKind.Interpret;
        }

        if (instruction.Mnemonic == Mnemonic.Mov && instruction.Op0Kind == OpKind.Register && instruction.Op1Kind != OpKind.Register
            && instruction.Op1Kind != OpKind.Memory && instruction.Op0Register.GetSize() >= 4)
        {
            return LoweringKind.MoveImmediate;
        }

        return kind switch
        {
            LoweringKind.Push or LoweringKind.Pop or LoweringKind.LeaveFrame when StackSizeOf(instruction) != WordSize => LoweringKind.Interpret,
            LoweringKind.Pop when op->HasMemory => LoweringKind.Interpret,
            LoweringKind.SwapGs when !Is64 => LoweringKind.Interpret,
            LoweringKind.Reencode when instruction.Code == Code.Bswap_r16 => LoweringKind.Interpret,
            LoweringKind.LoadAddress when instruction.Op0Register.GetSize() == 2 => LoweringKind.Interpret,
            _ => kind,
        };
    }

    /// <summary>Whether the decoder refused the instruction: it raises #UD in the interpreter.</summary>
    private static bool IsRefused(DecodedOp* op) => op->Code == OpCode.CallAndLeave
        && (op->Target == (nint)(delegate*<CpuCore, DecodedOp*, bool>)&HintOps.Undefined || op->Target == (nint)(delegate*<CpuCore, DecodedOp*, bool>)&HintOps.TooLong);

    /// <summary>Whether the result may differ from processor to processor. Of dot products it is the choice among several NaNs (Intel SDM Vol. 2A, DPPS).</summary>
    private static bool IsApproximation(Mnemonic mnemonic) => mnemonic is Mnemonic.Rcpps or Mnemonic.Rcpss or Mnemonic.Rsqrtps or Mnemonic.Rsqrtss
        or Mnemonic.Vrcpps or Mnemonic.Vrcpss or Mnemonic.Vrsqrtps or Mnemonic.Vrsqrtss or Mnemonic.Dpps or Mnemonic.Dppd or Mnemonic.Vdpps or Mnemonic.Vdppd
        or Mnemonic.F2xm1 or Mnemonic.Fyl2x or Mnemonic.Fyl2xp1 or Mnemonic.Fpatan or Mnemonic.Fptan or Mnemonic.Fsin or Mnemonic.Fcos or Mnemonic.Fsincos or Mnemonic.Fprem or Mnemonic.Fprem1;

    private static bool IsMapped(Register register) => register.IsGPR() || register.IsXMM() || register.IsYMM() || register.IsMM();

    private static int StackSizeOf(in Instruction instruction) =>
        instruction.Mnemonic == Mnemonic.Leave ? instruction.Code switch { Code.Leaveq => 8, Code.Leaved => 4, _ => 2 } : Math.Abs(instruction.StackPointerIncrement);

    /// <summary>Whether it is a near branch of the mode's own width.</summary>
    private bool IsNearBranch(in Instruction instruction, DecodedOp* op)
    {
        if (op->Size != WordSize || instruction.Mnemonic == Mnemonic.Ret)
        {
            return op->Size == WordSize;
        }

        return instruction.Op0Kind switch
        {
            OpKind.NearBranch32 or OpKind.NearBranch64 => true,
            OpKind.Register => instruction.Op0Register.IsGPR(),
            OpKind.Memory => instruction.MemorySize is MemorySize.QwordOffset or MemorySize.DwordOffset or MemorySize.UInt32 or MemorySize.UInt64,
            _ => false,
        };
    }

    /// <summary>Emits instruction <paramref name="i"/>. False if nothing follows it.</summary>
    private bool Lower(int i)
    {
        switch (_kinds[i])
        {
            case LoweringKind.Nothing: KeepHeldAddress(); return true;
            case LoweringKind.Reencode or LoweringKind.BitTest: Reencode(i); return true;
            case LoweringKind.AlignedVector or LoweringKind.Vector: Reencode(i); return true;
            case LoweringKind.X87: X87(i); return true;
            case LoweringKind.Mmx: Mmx(i); return true;
            case LoweringKind.LoadMxcsr: LoadMxcsr(i); return true;
            case LoweringKind.ClearVectors: ClearVectors(i); return true;
            case LoweringKind.Copy: Copy(i); return true;
            case LoweringKind.LoadAddress: LoadAddress(i); return true;
            case LoweringKind.MoveImmediate: MoveImmediate(i); return true;
            case LoweringKind.Push: Push(i); return true;
            case LoweringKind.Pop: Pop(i); return true;
            case LoweringKind.LeaveFrame: LeaveFrame(i); return true;
            case LoweringKind.Divide: Divide(i); return true;
            case LoweringKind.DirectionFlag: DirectionFlag(i); return true;
            case LoweringKind.ClearInterrupts: ClearInterrupts(i); return true;
            case LoweringKind.PushFlags: PushFlags(i); return true;
            case LoweringKind.SwapGs: SwapGs(i); return true;
            case LoweringKind.ConditionalJump: ConditionalJump(i); return true;
            case var kind when IsForm(kind): return LowerForm(i);
            case LoweringKind.FollowedJump or LoweringKind.CheckedJump: FollowJump(i); return true;
            case LoweringKind.Jump: Jump(i); return false;
            case LoweringKind.Call: Call(i); return false;
            case LoweringKind.Return: Return(i); return false;
            default: return Interpret(i);
        }
    }

    /// <summary>The interpreter executes it. False if it ends the block.</summary>
    private bool Interpret(int i)
    {
        SettleCodePage();
        var leaves = OpAt(i)->Code is OpCode.CallAndLeave or (>= OpCode.Jump and <= OpCode.JumpNle);
        var mayStay = leaves && MayStay(i);
        var record = AddRecord(i, OpRecordFlags.NotLowered | (leaves ? OpRecordFlags.Leave : 0) | (mayStay ? OpRecordFlags.MayStay : 0), TakeFlags(i));
        if (_isSwapped)
        {
            GiveBackRegisters();
        }

        _a.MoveImmediate(HostRegister.Data, record);
        _a.Call(_cache.Thunks.Interpret);
        if (leaves && !mayStay)
        {
            return false;
        }

        ReloadRegisters(_isSwapped);
        _x87Note = default;

        if (_flagAnalysis.Writes(i) != 0)
        {
            _flagsSaved = true;
            _flagsInHost = false;
            _recovery = default;
            _isKnownIfZero = false;
        }

        NoteWrites(i);
        return true;
    }

    /// <summary>Whether instruction <paramref name="i"/> ends a block only because of what it may change, and not where control goes.</summary>
    private bool MayStay(int i) => InstructionAt(i).FlowControl == FlowControl.Next
        && InstructionAt(i).Mnemonic is not (Mnemonic.Hlt or Mnemonic.Pause or Mnemonic.Mwait)
        && !LoadsDataSegment(InstructionAt(i));

    /// <summary>SS casts an interrupt shadow; outside 64-bit mode code depends on whether DS, ES and SS are flat.</summary>
    private bool LoadsDataSegment(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Lss => true,
        Mnemonic.Lds or Mnemonic.Les => !Is64,
        Mnemonic.Mov or Mnemonic.Pop => instruction.Op0Kind == OpKind.Register
            && (instruction.Op0Register == Register.SS || (!Is64 && instruction.Op0Register is Register.DS or Register.ES)),
        _ => false,
    };

    /// <summary>Takes a record of instruction <paramref name="i"/>.</summary>
    private int AddRecord(int i, OpRecordFlags properties, in FlagRecovery flags)
    {
        properties |= _flagAnalysis.Writes(i) != 0 ? OpRecordFlags.WritesFlags : 0;
        properties |= i < _lastFollowed ? OpRecordFlags.ComesBeforeJump : 0;
        properties |= InstructionAt(i).Mnemonic is Mnemonic.Fldcw or Mnemonic.Ldmxcsr or Mnemonic.Vldmxcsr ? OpRecordFlags.ChangesMode : 0;

        var index = _cache.AddRecord();
        var record = _cache.Record(index);
        *record = new OpRecord
        {
            Op = *OpAt(i),
            Flags = flags,
            X87 = _x87Note,
            Block = _cache.NextBlockNumber,
            IndexInBlock = (byte)i,
            IcedCode = (ushort)InstructionAt(i).Code,
            GroupLength = 1,
            Site = SiteTable.None,
            Properties = properties,
        };
        record->Op.Target = HandlerOf(record->Op);
        return index;
    }

    /// <summary>The handler, also of those operations that the interpreter's switch has cases for.</summary>
    private static nint HandlerOf(in DecodedOp op)
    {
        delegate*<CpuCore, DecodedOp*, bool> handler = op.Code switch
        {
            OpCode.CallNear => &BranchOps.CallRelative,
            OpCode.CallNearIndirect => &BranchOps.CallIndirect,
            OpCode.JumpIndirect => &BranchOps.JumpIndirect,
            OpCode.ReturnNear => &BranchOps.Return,
            OpCode.Jump => &BranchOps.JumpRelative,
            >= OpCode.JumpO and <= OpCode.JumpNle => &BranchOps.JumpConditional,
            _ => null,
        };
        return handler != null ? (nint)handler : op.Target;
    }
}
