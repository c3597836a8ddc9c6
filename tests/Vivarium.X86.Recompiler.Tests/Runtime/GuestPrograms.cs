namespace Vivarium.X86.Tests;

/// <summary>Two runs of one program.</summary>
internal static class GuestPrograms
{
    /// <summary>Both executed as many instructions and are at the same place with the same registers and flags.</summary>
    public static void AssertSame(GuestProgram expected, GuestProgram actual)
    {
        Assert.Equal(expected.Cpu.InstructionCount, actual.Cpu.InstructionCount);
        foreach (var register in (ReadOnlySpan<X86Register>)[X86Register.Rip, X86Register.Rax, X86Register.Rcx, X86Register.Rdx, X86Register.Rbx, X86Register.R9, X86Register.Rflags])
        {
            Assert.Equal(expected[register], actual[register]);
        }
    }
}
