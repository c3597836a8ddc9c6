using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>FLDCW: the host loads a copy of the word that was tested to mask every exception, never the guest's memory.</summary>
internal static class ControlWordRules
{
    public static string? Broken(EmittedPart part)
    {
        var loads = part.Host.FindAll(each => each.Mnemonic == Mnemonic.Fldcw);
        if (loads is not [{ MemoryBase: Register.R15, MemoryIndex: Register.None } load] || (int)load.MemoryDisplacement64 != EngineFields.ValueOffset)
        {
            return "not one load of the copy";
        }

        var at = part.Host.IndexOf(load);
        var isTested = at >= 4
            && IsCopy(part.Host[at - 4]) && part.Host[at - 3] is { Mnemonic: Mnemonic.Not, Op0Register: Register.EDI }
            && part.Host[at - 2] is { Code: Code.Test_rm8_imm8, Op0Register: Register.DIL, Immediate8: 0x3F }
            && part.Host[at - 1] is { IsJccShortOrNear: true, ConditionCode: ConditionCode.ne };
        return isTested ? null : "the copy was not tested";
    }

    private static bool IsCopy(in Instruction host) => host is { Code: Code.Mov_r32_rm32, Op0Register: Register.EDI, MemoryBase: Register.R15 } && (int)host.MemoryDisplacement64 == EngineFields.ValueOffset;
}
