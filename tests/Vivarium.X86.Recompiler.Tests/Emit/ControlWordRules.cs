using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>FLDCW and LDMXCSR: the host loads a copy of what was tested to mask every exception, never the guest's memory.</summary>
internal static class ControlWordRules
{
    public static string? BrokenX87(EmittedPart part) => Broken(part, Mnemonic.Fldcw, static (change, test) =>
        change is { Mnemonic: Mnemonic.Not, Op0Register: Register.EDI } && test is { Code: Code.Test_rm8_imm8, Op0Register: Register.DIL, Immediate8: 0x3F });

    public static string? BrokenMxcsr(EmittedPart part) => Broken(part, Mnemonic.Ldmxcsr, static (change, test) =>
        change is { Code: Code.Xor_rm32_imm32, Op0Register: Register.EDI, Immediate32: 0x1F80 } && test is { Code: Code.Test_rm32_imm32, Op0Register: Register.EDI, Immediate32: 0xFFFF1F80 });

    private static string? Broken(EmittedPart part, Mnemonic mnemonic, Func<Instruction, Instruction, bool> isTest)
    {
        var loads = part.Host.FindAll(each => each.Mnemonic == mnemonic);
        if (loads is not [{ MemoryBase: Register.R15, MemoryIndex: Register.None } load] || (int)load.MemoryDisplacement64 != EngineFields.ValueOffset)
        {
            return "not one load of the copy";
        }

        var at = part.Host.IndexOf(load);
        var isTested = at >= 4 && IsCopy(part.Host[at - 4]) && isTest(part.Host[at - 3], part.Host[at - 2])
            && part.Host[at - 1] is { IsJccShortOrNear: true, ConditionCode: ConditionCode.ne };
        return isTested ? null : "the copy was not tested";
    }

    private static bool IsCopy(in Instruction host) => host is { Code: Code.Mov_r32_rm32, Op0Register: Register.EDI, MemoryBase: Register.R15 } && (int)host.MemoryDisplacement64 == EngineFields.ValueOffset;
}
