using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>An encoding of an instruction, with a register or with memory where it takes either.</summary>
/// <param name="Code">The encoding.</param>
/// <param name="HasMemory">Whether it has a memory operand of its own: those of string instructions do not count.</param>
internal readonly record struct InstructionForm(Code Code, bool HasMemory)
{
    public Mnemonic Mnemonic => Code.Mnemonic();

    public static InstructionForm Of(in Instruction instruction) => new(instruction.Code, instruction.Op0Kind == OpKind.Memory || instruction.Op1Kind == OpKind.Memory
        || instruction.Op2Kind == OpKind.Memory || instruction.Op3Kind == OpKind.Memory);
}
