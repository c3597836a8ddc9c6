using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Integer and bitwise operations on XMM registers.</summary>
internal static class SseIntegerLowering
{
    public static nint Find(in Instruction instruction)
    {
        var target = LaneTable.Find<SseForms>(instruction.Mnemonic);
        if (target == 0)
        {
            target = ArrangeTable.Find<SseForms>(instruction.Mnemonic);
        }

        return target != 0
            ? target
            : LaneTable.FindShift<SseForms>(instruction.Mnemonic, instruction.OpCount > 1 && instruction.Op1Kind == OpKind.Immediate8);
    }
}
