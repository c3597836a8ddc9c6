using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Which general registers an instruction writes.</summary>
internal static class RegisterUse
{
    private static readonly ThreadLocal<InstructionInfoFactory> s_factory = new(() => new InstructionInfoFactory());

    /// <summary>Whole registers of the general ones that are written, or may be.</summary>
    public static IReadOnlyList<Register> Written(in Instruction instruction)
    {
        var written = new List<Register>();
        foreach (var used in s_factory.Value!.GetInfo(instruction, InstructionInfoOptions.NoMemoryUsage).GetUsedRegisters())
        {
            if (used.Register.IsGPR() && used.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.None or OpAccess.NoMemAccess))
            {
                written.Add(used.Register.GetFullRegister());
            }
        }

        return written;
    }

    /// <summary>Whether an operand is written, or may be.</summary>
    public static bool IsWritten(in Instruction instruction, int operand) =>
        s_factory.Value!.GetInfo(instruction).GetOpAccess(operand) is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite;

    public static bool IsWritten(in Instruction instruction, Register register) => Written(instruction).Contains(register);

    /// <summary>Whether an instruction names a register, as operand or in an address, or uses it by what it is.</summary>
    public static bool IsUsed(in Instruction instruction, Register register)
    {
        foreach (var used in s_factory.Value!.GetInfo(instruction, InstructionInfoOptions.NoMemoryUsage).GetUsedRegisters())
        {
            if (used.Register.GetFullRegister() == register)
            {
                return true;
            }
        }

        return false;
    }
}
