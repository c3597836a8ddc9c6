using Iced.Intel;

namespace Vivarium.X86;

/// <content>
/// Operands that are kept in a field so that flags can be recovered which only a fault would show: one store takes the place of saving the flags.
/// Never where the interpreter may execute the operation within a group: it would not keep them.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>The shift whose operand was kept last, or −1.</summary>
    private int _keptFor;

    private static HostOperand KeptOperand => HostOperand.State(EngineFields.FlagOperandOffset);

    /// <summary>A shift of a whole register by a constant, if instruction is one.</summary>
    private static FlagRecoveryKind ShiftOf(in Instruction instruction)
    {
        if (instruction.Op0Kind != OpKind.Register || instruction.Op0Register.GetSize() < 4 || instruction.OpCount != 2 || instruction.Op1Kind != OpKind.Immediate8)
        {
            return FlagRecoveryKind.Saved;
        }

        return instruction.Mnemonic switch
        {
            Mnemonic.Shl or Mnemonic.Sal => FlagRecoveryKind.ShiftLeft,
            Mnemonic.Shr => FlagRecoveryKind.ShiftRight,
            Mnemonic.Sar => FlagRecoveryKind.ShiftRightSigned,
            _ => FlagRecoveryKind.Saved,
        };
    }

    /// <summary>Before a shift of <paramref name="host"/>: what is shifted.</summary>
    private void KeepOperand(int i, int host)
    {
        if (_isHot && _flagAnalysis.Kills(i) == FlagAnalysis.All && ShiftOf(InstructionAt(i)) != FlagRecoveryKind.Saved && MayKeep(i))
        {
            _a.Store(8, KeptOperand, host);
            _keptFor = i;
        }
    }

    /// <summary>Behind an operation whose result or operand does not stand for as long as a fault may want it.</summary>
    private void KeepResult(int i)
    {
        if (!_isHot || _recovery.Kind == FlagRecoveryKind.Saved || _recovery.First >= FlagRecovery.KeptOperand || (_recovery.First & 7) != 0
            || Of(_recovery.First >> 3) is var host && host == HostRegister.None || OpAt(i)->HasMemory || !MayKeep(i) || IsRecoverableFrom(i + 1))
        {
            return;
        }

        var kept = _recovery with { First = FlagRecovery.KeptOperand };
        if (IsRecoverableFrom(i + 1, kept))
        {
            _a.Store(8, KeptOperand, host);
            _recovery = kept;
        }
    }

    /// <summary>Whether an instruction that may fault comes next while the flags of instruction <paramref name="i"/> matter to nothing else.</summary>
    private bool MayKeep(int i)
    {
        if (i > 0 && _groups.RegionEnd(i - 1) >= i)
        {
            return false;
        }

        var remaining = (int)FlagAnalysis.All;
        for (var j = i + 1; j < _run.Count && remaining != 0; j++)
        {
            if (MayFault(j) && _kinds[j] != LoweringKind.ConditionalJump)
            {
                return _flagAnalysis.LiveBefore(j) == 0;
            }

            remaining &= ~_flagAnalysis.Kills(j);
        }

        return false;
    }
}
