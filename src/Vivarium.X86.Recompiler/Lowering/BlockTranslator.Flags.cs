using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// Where the guest's arithmetic flags are: in the host's, in the state's image, or to be recovered from operands that still stand. Emitted
/// code of our own clobbers the host's, so <see cref="TakeFlags"/> comes before it.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private readonly FlagAnalysis _flagAnalysis = new();
    private bool _flagsInHost;
    private bool _flagsSaved;

    /// <summary>How the flags of the last operation that wrote them can be found again; Kind is Saved if they cannot.</summary>
    private FlagRecovery _recovery;

    /// <summary>If the zero flag is set all flags are known: the last operation that wrote them was a comparison, a subtraction or a logical one.</summary>
    private bool _isKnownIfZero;

    private void AnalyzeFlags() => _flagAnalysis.Run(_run);

    private void BeginFlags()
    {
        _flagsInHost = false;
        _flagsSaved = true;
        _recovery = default;
        _isKnownIfZero = false;
        _keptFor = -1;
    }

    /// <summary>Makes sure that the flags before instruction <paramref name="i"/> survive what clobbers the host's, and says where they are then.</summary>
    private FlagRecovery TakeFlags(int i)
    {
        if (!_flagsSaved)
        {
            if (!_flagsInHost || (_flagAnalysis.LiveBefore(i) == 0 && IsRecoverableFrom(i)))
            {
                _flagsInHost = false;
                return _recovery;
            }

            SaveFlags(Data);
        }

        _flagsInHost = false;
        return default;
    }

    /// <summary>Brings the flags into the host's for an instruction that uses them there.</summary>
    private void NeedFlags(int temporary)
    {
        if (!_flagsInHost)
        {
            RestoreFlags(temporary);
            _flagsInHost = true;
        }
    }

    /// <summary>After a native instruction: it left its flags in the host's.</summary>
    private void NoteFlags(int i)
    {
        if (_flagAnalysis.Writes(i) != 0)
        {
            _flagsInHost = true;
            _flagsSaved = false;
            _recovery = _flagAnalysis.Kills(i) == FlagAnalysis.All ? RecoveryOf(i) : default;
            _isKnownIfZero = _flagAnalysis.Kills(i) == FlagAnalysis.All
                && InstructionAt(i).Mnemonic is Mnemonic.Cmp or Mnemonic.Sub or Mnemonic.Test or Mnemonic.And or Mnemonic.Or or Mnemonic.Xor;
            KeepResult(i);
        }
    }

    /// <summary>Behind a conditional jump where the code goes on only if a condition holds: if that is equality, all flags may be known.</summary>
    private void NoteCondition(int condition)
    {
        const int Equal = 4;
        if (_isKnownIfZero && condition == Equal)
        {
            _recovery = new FlagRecovery { Kind = FlagRecoveryKind.Zero, Size = 1, First = FlagRecovery.NoRegister, Second = FlagRecovery.NoRegister };
        }
    }

    /// <summary>Forgets how flags are recovered if instruction <paramref name="i"/> changes an operand.</summary>
    private void NoteWrites(int i)
    {
        if (_recovery.Kind != FlagRecoveryKind.Saved && _flagAnalysis.Writes(i) == 0 && ChangesOperand(i, _recovery))
        {
            _recovery = default;
        }
    }

    /// <summary>Whether no instruction from <paramref name="i"/> on that may fault comes after a change of the operands and before the flags are overwritten.</summary>
    private bool IsRecoverableFrom(int i) => IsRecoverableFrom(i, _recovery);

    private bool IsRecoverableFrom(int i, in FlagRecovery recovery)
    {
        if (recovery.Kind == FlagRecoveryKind.Saved)
        {
            return false;
        }

        var changed = false;
        var remaining = (int)FlagAnalysis.All;
        for (var j = i; j < _run.Count; j++)
        {
            if (changed && MayFault(j))
            {
                return false;
            }

            remaining &= ~_flagAnalysis.Kills(j);
            if (remaining == 0)
            {
                return true;
            }

            changed |= ChangesOperand(j, recovery);
        }

        return false;
    }

    private bool MayFault(int i) => OpAt(i)->HasMemory || IsForm(_kinds[i])
        || _kinds[i] is LoweringKind.Interpret or LoweringKind.ClearInterrupts or LoweringKind.SwapGs or LoweringKind.PushFlags or LoweringKind.Push or LoweringKind.Pop or LoweringKind.LeaveFrame or LoweringKind.Divide
            or LoweringKind.Jump or LoweringKind.Call or LoweringKind.Return or LoweringKind.ConditionalJump or LoweringKind.CheckedJump;

    /// <summary>mov t, rax; lahf; seto al; mov [image], ax; mov rax, t. The temporary keeps RAX.</summary>
    private void SaveFlags(int temporary)
    {
        _a.Move(8, temporary, Rax);
        _a.Byte(0x9F);
        _a.Bytes([0x0F, 0x90, 0xC0]);
        _a.Store16(HostOperand.State(EngineFields.HostFlagsOffset), Rax);
        _a.Move(8, Rax, temporary);
        _flagsSaved = true;
    }

    /// <summary>mov t, rax; movzx eax, [image]; add al, 127; sahf; mov rax, t.</summary>
    private void RestoreFlags(int temporary)
    {
        _a.Move(8, temporary, Rax);
        _a.LoadZero16(Rax, HostOperand.State(EngineFields.HostFlagsOffset));
        _a.Bytes([0x04, 0x7F, 0x9E]);
        _a.Move(8, Rax, temporary);
    }
}
