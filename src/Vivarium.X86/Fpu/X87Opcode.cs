using Iced.Intel;

namespace Vivarium.X86;

/// <summary>
/// The 11 bits of FOP: the low three of the first opcode byte and the ModRM byte. The decoder does not keep ModRM, so that of a memory
/// operand is made from the operand in the shortest encoding.
/// </summary>
internal static class X87Opcode
{
    public static ushort Of(in Instruction instruction)
    {
        var info = instruction.Code.ToOpCode();
        var opcode = info.OpCode;
        if (info.OpCodeLength == 2)
        {
            return (ushort)((opcode & 0x7FF) + (uint)StackIndex(instruction));
        }

        return (ushort)(((opcode & 7) << 8) | (uint)(info.GroupIndex << 3) | ModAndRm(instruction));
    }

    /// <summary>The index i of the operand ST(i), 0 if there is none.</summary>
    public static int StackIndex(in Instruction instruction)
    {
        var index = 0;
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Register && instruction.GetOpRegister(i).IsST())
            {
                index = Math.Max(index, instruction.GetOpRegister(i) - Register.ST0);
            }
        }

        return index;
    }

    private static uint ModAndRm(in Instruction instruction)
    {
        var @base = instruction.MemoryBase;
        var index = instruction.MemoryIndex;
        var mod = instruction.MemoryDisplSize switch
        {
            0 => 0u,
            1 => 0x40u,
            _ => 0x80u,
        };
        if (@base.IsGPR16() || index.IsGPR16() || (@base == Register.None && instruction.MemoryDisplSize == 2))
        {
            return @base == Register.None ? 6 : mod | Rm16(@base, index);
        }

        if (@base is Register.None or Register.EIP or Register.RIP)
        {
            return index == Register.None && @base != Register.None ? 5u : 4u;
        }

        var number = (uint)(@base.GetFullRegister() - Register.RAX) & 7;
        return mod | (index != Register.None || number == 4 ? 4 : number);
    }

    private static uint Rm16(Register @base, Register index) => (@base, index) switch
    {
        (Register.BX, Register.SI) => 0,
        (Register.BX, Register.DI) => 1,
        (Register.BP, Register.SI) => 2,
        (Register.BP, Register.DI) => 3,
        (Register.SI, _) => 4,
        (Register.DI, _) => 5,
        (Register.BP, _) => 6,
        _ => 7,
    };
}
