using System.Numerics;
using Iced.Intel;

namespace Vivarium.X86;

/// <content>Which operations' flags can be recovered, and which instructions change registers that this needs.</content>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>How the flags of instruction <paramref name="i"/>, which was just executed, can be found again from guest registers.</summary>
    private FlagRecovery RecoveryOf(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        if (_kinds[i] != LoweringKind.Reencode || instruction.Op0Kind != OpKind.Register)
        {
            return default;
        }

        if (ShiftOf(instruction) is var shift && shift != FlagRecoveryKind.Saved)
        {
            return _keptFor != i ? default : new FlagRecovery
            {
                Kind = shift,
                Size = (byte)instruction.Op0Register.GetSize(),
                First = FlagRecovery.KeptOperand,
                Second = FlagRecovery.NoRegister,
                Immediate = instruction.Immediate8 & (instruction.Op0Register.GetSize() == 8 ? 63 : 31),
            };
        }

        var kind = instruction.Mnemonic switch
        {
            Mnemonic.Add => FlagRecoveryKind.Add,
            Mnemonic.Sub => FlagRecoveryKind.Subtract,
            Mnemonic.Cmp => FlagRecoveryKind.Compare,
            Mnemonic.Test => FlagRecoveryKind.Test,
            Mnemonic.And or Mnemonic.Or or Mnemonic.Xor => FlagRecoveryKind.Logic,
            _ => FlagRecoveryKind.Saved,
        };
        if (kind == FlagRecoveryKind.Saved)
        {
            return default;
        }

        var recovery = new FlagRecovery
        {
            Kind = kind,
            Size = (byte)instruction.Op0Register.GetSize(),
            First = RegisterMap.General(instruction.Op0Register),
            Second = FlagRecovery.NoRegister,
        };
        if (instruction.Op1Kind == OpKind.Register)
        {
            recovery.Second = RegisterMap.General(instruction.Op1Register);

            // The result has replaced the operand.
            return kind is FlagRecoveryKind.Add or FlagRecoveryKind.Subtract && recovery.Second >> 3 == recovery.First >> 3 ? default : recovery;
        }

        if (instruction.Op1Kind == OpKind.Memory)
        {
            return kind == FlagRecoveryKind.Logic ? recovery : default;
        }

        recovery.Immediate = (int)(long)instruction.GetImmediate(1);
        return recovery;
    }

    /// <summary>Whether instruction <paramref name="i"/> may change a register that <paramref name="recovery"/> needs.</summary>
    private bool ChangesOperand(int i, in FlagRecovery recovery)
    {
        var changed = ChangedRegisters(i);
        return (recovery.First < FlagRecovery.KeptOperand && (changed >> (recovery.First >> 3) & 1) != 0)
            || (recovery.Second != FlagRecovery.NoRegister && (changed >> (recovery.Second >> 3) & 1) != 0);
    }

    /// <summary>General registers that instruction <paramref name="i"/> may change, a bit each.</summary>
    private uint ChangedRegisters(int i)
    {
        const uint Rsp = 16, Rbp = 32, All = 0xFFFF;
        ref readonly var instruction = ref InstructionAt(i);
        var changed = 0u;
        if (IsForm(_kinds[i]))
        {
            return _kinds[i] == LoweringKind.BitTestBeyond ? 0 : All;
        }

        switch (_kinds[i])
        {
            case LoweringKind.Interpret or LoweringKind.Divide or LoweringKind.Copy: return All;
            case LoweringKind.PushFlags or LoweringKind.Push or LoweringKind.Call or LoweringKind.Return: return Rsp;
            case LoweringKind.Pop: changed = Rsp; break;
            case LoweringKind.LeaveFrame: return Rsp | Rbp;
        }

        var traits = _traits.Of(instruction);
        changed |= traits.AlsoChanges;
        for (var written = traits.Written; written != 0; written &= written - 1)
        {
            var k = BitOperations.TrailingZeroCount(written);
            if (instruction.GetOpKind(k) == OpKind.Register && instruction.GetOpRegister(k) is var register && register.IsGPR())
            {
                changed |= 1u << (RegisterMap.General(register) >> 3);
            }
        }

        return changed;
    }
}
