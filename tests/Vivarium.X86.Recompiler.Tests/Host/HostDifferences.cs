using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What the host is not asked: instructions and results that processors, or an operating system, do not share.</summary>
internal static class HostDifferences
{
    private const uint MisalignedMask = 1 << 17;

    /// <summary>The instructions that cases for the host are made of.</summary>
    public static InstructionCatalogue Instructions { get; } = InstructionCatalogue.For64.Where(IsIncluded);

    /// <summary>Whether the host's outcome is of no use for a reason that is not in the program alone.</summary>
    public static bool IsKnown(LabProgram program, CaseOutcome interpreter, CaseOutcome host)
    {
        // AMD has bit 17 of MXCSR, which lets misaligned operands pass; no CPU model of ours has.
        var ended = program.Instructions.FirstOrDefault(instruction => instruction.IP == interpreter.Rip).Mnemonic;
        return (host.Mxcsr & MisalignedMask) != 0
            || (interpreter.Vector == (int)ExceptionVector.GeneralProtection && host.Rip != interpreter.Rip && ended is Mnemonic.Ldmxcsr or Mnemonic.Vldmxcsr or Mnemonic.Fxrstor or Mnemonic.Fxrstor64);
    }

    private static bool IsIncluded(Code code)
    {
        var info = code.ToOpCode();

        // Selectors are the operating system's.
        var hasSelector = Enumerable.Range(0, info.OpCount).Any(i => info.GetOpKind(i) == OpCodeOperandKind.seg_reg);
        return !hasSelector && code.CpuidFeatures().All(HostFeatures.Has) && code.Mnemonic() switch
        {
            // FIP, FDP and FOP: AMD stores them only with an exception pending, and the operating system loses them.
            Mnemonic.Fnstenv or Mnemonic.Fnsave or Mnemonic.Fxsave or Mnemonic.Fxsave64 => false,

            // The bases are part of a case's state, not of its code.
            Mnemonic.Wrfsbase or Mnemonic.Wrgsbase => false,
            _ => true,
        };
    }
}
