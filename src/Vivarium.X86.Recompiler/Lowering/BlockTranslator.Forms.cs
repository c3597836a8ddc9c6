using Iced.Intel;

namespace Vivarium.X86;

/// <content>Instructions for which the host has none of the same effect: system instructions, strings, bits beyond an operand.</content>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>How instruction <paramref name="i"/> is lowered if it is one of them.</summary>
    private LoweringKind FormOf(int i)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var kind = instruction.Mnemonic switch
        {
            Mnemonic.Stac or Mnemonic.Clac => LoweringKind.AccessControl,
            Mnemonic.Sti => LoweringKind.AllowInterrupts,
            Mnemonic.Syscall when Is64 => LoweringKind.SystemCall,
            Mnemonic.Sysretq when Is64 => LoweringKind.SystemReturn,
            _ => IsBitTestBeyond(instruction, OpAt(i)) ? LoweringKind.BitTestBeyond : StringFormOf(instruction, OpAt(i)),
        };
        return kind == LoweringKind.Interpret || IsRefused(OpAt(i)) ? LoweringKind.Interpret : kind;
    }

    private static bool IsForm(LoweringKind kind) => kind is >= LoweringKind.AccessControl and <= LoweringKind.BitTestBeyond;

    /// <summary>Whether the interpreter leaves the block where it executes instruction <paramref name="i"/>, as that changes mode or control.</summary>
    private bool LeavesByForm(int i) => _kinds[i] is >= LoweringKind.AccessControl and <= LoweringKind.SystemReturn;

    /// <summary>False if nothing follows it.</summary>
    private bool LowerForm(int i)
    {
        SettleCodePage();
        switch (_kinds[i])
        {
            case LoweringKind.AccessControl: AccessControl(i); return true;
            case LoweringKind.AllowInterrupts: AllowInterrupts(i); return false;
            case LoweringKind.SystemCall: SystemCall(i); return false;
            case LoweringKind.SystemReturn: SystemReturn(i); return false;
            case LoweringKind.String: String(i); return true;
            case LoweringKind.RepeatedString: RepeatedString(i); return true;
            default: BitTestBeyond(i); return true;
        }
    }
}
