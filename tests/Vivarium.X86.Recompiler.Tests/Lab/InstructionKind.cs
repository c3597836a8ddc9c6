namespace Vivarium.X86.Tests;

/// <summary>Groups of instructions that a case mixes in its own proportions.</summary>
internal enum InstructionKind
{
    Integer,
    Vector,
    X87,
    Mmx,
    String,
    Stack,
    Branch,
    Flags,
    Avx,
    System,
}
