using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <content>What emitted code calls. An exception must not cross it: it is kept, and thrown again after the code was left.</content>
internal sealed unsafe partial class RecompilerEngine
{
    private const int StackPointer = 4;

    [UnmanagedCallersOnly]
    private static int OnInterpret(CpuState* state, int record, ulong pageOffset)
    {
        var fields = (EngineFields*)((byte*)state - VcpuMemory.EngineFieldsBytes);
        var engine = (RecompilerEngine)GCHandle.FromIntPtr(fields->EngineHandle).Target!;
#pragma warning disable CA1031 // Whatever it is, it may not reach emitted code.
        try
        {
            return engine.Interpret(engine._cache.Record(record), pageOffset);
        }
        catch (Exception exception)
        {
            engine._failure = exception;
            return ExitCode.Interpreted;
        }
#pragma warning restore CA1031
    }

    /// <summary>
    /// Executes the record's instruction, and those of its group, with the interpreter's handlers. 0 if emitted code goes on. While a handler
    /// waits for a device or another vCPU, the cache may be emptied, so it works on copies of the records.
    /// </summary>
    private int Interpret(OpRecord* record, ulong pageOffset)
    {
        FollowMode();
        var current = *record;
        if (current.LookupOffset != 0 && _core.Mode != MmuMode.UserAligned && TryFill(current) && _cache.Generation == _generation)
        {
            _fields->Value = (ulong)_cache.ExecutableAt(current.LookupOffset);
            _fields->ReloadsVectors = (current.Lookup & LookupKind.ReloadsVectors) != 0 ? 1u : 0;
            RepeatInterrupt();
            return ExitCode.Retry;
        }

        FlagImage.Load(_state, _fields, current.Flags);
        if (current.X87.IsPending)
        {
            _state->Fip = _core.MaskIp(_state->RipPage + current.X87.PageOffset);
            _state->Fop = current.X87.Opcode;
        }

        // A lookup leaves an offset below the page's size if the page was there: then a site misses often, or the span is too long.
        if (current.Site != SiteTable.None && pageOffset + current.SiteBytes <= 4096)
        {
            NoteSiteMisses(current);
        }
        else if (pageOffset < 4096 && (current.Properties & OpRecordFlags.ChecksGroup) != 0 && _cache.Generation == _generation
            && CrossesOften(record))
        {
            Ungroup(current);
        }

        if (_cache.Generation != _generation)
        {
            return LeaveAt(_core.InstructionPointer(&current.Op), current.IndexInBlock);
        }

        var leavesAfter = (current.Properties & OpRecordFlags.LeavesAfterGroup) != 0;
        var last = record + current.GroupLength - 1;
        var properties = OpRecordFlags.None;
        while (true)
        {
            record->Hits++;
            properties |= current.Properties;
            if ((current.Properties & OpRecordFlags.Leave) != 0)
            {
                _state->Rip = _core.NextInstructionPointer(&current.Op);
            }

            if (!((delegate*<CpuCore, DecodedOp*, bool>)current.Op.Target)(_core, &current.Op))
            {
                return LeaveAt(_core.InstructionPointer(&current.Op), current.IndexInBlock);
            }

            if (record == last || _cache.Generation != _generation)
            {
                break;
            }

            current = *++record;
        }

        if ((current.Properties & OpRecordFlags.Leave) != 0 && !((current.Properties & OpRecordFlags.MayStay) != 0 && CanStay(&current.Op)))
        {
            return LeaveAt(_state->Rip, current.IndexInBlock + 1);
        }

        if ((properties & OpRecordFlags.WritesFlags) != 0)
        {
            FlagImage.Store(_state, _fields);
        }

        // Emitted code counts on addresses that were looked up before; what an instruction did, or others meanwhile, may forbid to go on in the same code.
        if (leavesAfter || _cache.Generation != _generation || ((properties & OpRecordFlags.ComesBeforeJump) != 0 && _core.HasEvents) || ((properties & (OpRecordFlags.NotLowered | OpRecordFlags.ChangesMode)) != 0 && CurrentMode() != _mode))
        {
            return LeaveAt(_core.NextInstructionPointer(&current.Op), current.IndexInBlock + 1);
        }

        RepeatInterrupt();
        return 0;
    }

    /// <summary>Leaves emitted code at an instruction pointer, after so many instructions of the block.</summary>
    private int LeaveAt(ulong rip, int executed)
    {
        _state->Rip = rip;
        _fields->Counter -= executed;
        return ExitCode.Interpreted;
    }

    /// <summary>Once more by this thread: what <see cref="Interrupt()"/> did may have got lost, and many callbacks take long.</summary>
    private void RepeatInterrupt()
    {
        if (_core.HasEvents)
        {
            _fields->Counter |= long.MinValue;
        }
    }

    /// <summary>Whether an instruction that may change anything left all as emitted code expects it between two blocks.</summary>
    private bool CanStay(DecodedOp* op)
    {
        if (_state->Rip != _core.NextInstructionPointer(op)
            || _core.FetchContexts.Of((_finder.Mode & DecodeMode.User) != 0) != _finder.Context >> 16)
        {
            return false;
        }

        // What a shadow of one instruction holds back is held back until that block ends.
        var shadow = _state->InterruptShadow;
        _state->InterruptShadow = InterruptShadow.None;
        if (IsOrdinary())
        {
            NoteContexts();
            return true;
        }

        _state->InterruptShadow = shadow;
        return false;
    }

    /// <summary>
    /// Whether the TLB had no entry for the record's lookup and has one now that satisfies it, and no other was dropped meanwhile: emitted code may
    /// go on with host addresses from earlier lookups.
    /// </summary>
    private bool TryFill(in OpRecord record)
    {
        var linear = (record.Lookup & LookupKind.Stack) != 0
            ? _state->Gpr[StackPointer] + (ulong)record.LookupLow
            : LinearAddress(record.Op) + (ulong)record.LookupLow;
        linear = (_mode & (TranslationMode)DecodeMode.Code64) != 0 ? linear : (uint)linear;
        var writes = (record.Lookup & LookupKind.Write) != 0;
        var flushes = _core.Tlb.FlushCount;
        return (linear & 0xFFF) + record.LookupBytes <= 4096
            && !IsCached(linear, record.LookupBytes, writes)
            && _core.TryFillTlb(linear, writes ? PageAccess.Write : PageAccess.Read)
            && IsCached(linear, record.LookupBytes, writes)
            && _core.Tlb.FlushCount == flushes;
    }

    private ulong LinearAddress(DecodedOp op) => _core.LinearAddress(&op);

    private bool IsCached(ulong linear, int sizeBytes, bool writes) =>
        (writes ? _core.CachedWrite(linear, sizeBytes) : _core.CachedRead(linear, sizeBytes)) != null;

    /// <summary>Notes that the span of a group ended beyond the page. Whether it does so often enough to check its accesses one by one.</summary>
    private bool CrossesOften(OpRecord* record)
    {
        var now = Age;
        if (record->Crossings == 0)
        {
            record->CrossingsSince = now;
        }

        if (++record->Crossings < MaxCrossings)
        {
            return false;
        }

        record->Crossings = 0;
        return now - record->CrossingsSince < CrossingPeriod;
    }

    /// <summary>Translates a block again, with a check for each access of the group that a record's instruction leads.</summary>
    private void Ungroup(in OpRecord leader)
    {
        _core.Revocation?.Leave();
        lock (_cache.Gate)
        {
            _core.Revocation?.Enter();
            if (CanReplace(leader.Block) is { } block)
            {
                _cache.Ungroup(block, leader.Op.PageOffset);
                Replace(block, block.IsHot, null);
            }
        }
    }
}
