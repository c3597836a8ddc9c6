using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <content>What emitted code calls. An exception must not cross it: it is kept, and thrown again after the code was left.</content>
internal sealed unsafe partial class RecompilerEngine
{
    [UnmanagedCallersOnly]
    private static int OnInterpret(CpuState* state, int record)
    {
        var fields = (EngineFields*)((byte*)state - VcpuMemory.EngineFieldsBytes);
        var engine = (RecompilerEngine)GCHandle.FromIntPtr(fields->EngineHandle).Target!;
#pragma warning disable CA1031 // Whatever it is, it may not reach emitted code.
        try
        {
            return engine.Interpret(engine._cache.Record(record));
        }
        catch (Exception exception)
        {
            engine._failure = exception;
            return ExitCode.Interpreted;
        }
#pragma warning restore CA1031
    }

    /// <summary>Executes the record's instruction, and those of its group, with the interpreter's handlers. 0 if emitted code goes on.</summary>
    private int Interpret(OpRecord* record)
    {
        FlagImage.Load(_state, _fields, record->Flags);
        if (record->X87.IsPending)
        {
            _state->Fip = _core.MaskIp(_state->RipPage + record->X87.PageOffset);
            _state->Fop = record->X87.Opcode;
        }

        var last = record + record->GroupLength - 1;
        var leaves = false;
        for (; ; record++)
        {
            var op = &record->Op;
            record->Hits++;
            leaves = (record->Properties & OpRecordFlags.Leave) != 0;
            if (leaves)
            {
                _state->Rip = _core.NextInstructionPointer(op);
            }

            if (!((delegate*<CpuCore, DecodedOp*, bool>)op->Target)(_core, op))
            {
                _state->Rip = _core.InstructionPointer(op);
                _fields->Counter -= record->IndexInBlock;
                return ExitCode.Interpreted;
            }

            if (record == last)
            {
                break;
            }
        }

        if (leaves)
        {
            _fields->Counter -= record->IndexInBlock + 1;
            return ExitCode.Interpreted;
        }

        if ((record->Properties & OpRecordFlags.WritesFlags) != 0)
        {
            FlagImage.Store(_state, _fields);
        }

        // What an instruction did, or others meanwhile, may forbid to go on in the same code.
        if (_cache.Generation != _generation || ((record->Properties & (OpRecordFlags.NotLowered | OpRecordFlags.ChangesMode)) != 0 && CurrentMode() != _mode))
        {
            _state->Rip = _core.NextInstructionPointer(&record->Op);
            _fields->Counter -= record->IndexInBlock + 1;
            return ExitCode.Interpreted;
        }

        return 0;
    }
}
