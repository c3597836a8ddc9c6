using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Compares an instruction in a block's code with the guest's, operand by operand.</summary>
internal static class ReencodedInstruction
{
    /// <summary>Null if one of the host's instructions is the guest's with mapped registers, and values pass through temporaries where they must.</summary>
    public static string? Difference(EmittedPart whole)
    {
        var (guest, part) = (whole.Guest, whole.Host);
        string? reason = "it is not there";
        for (var i = 0; i < part.Count; i++)
        {
            if (part[i].Mnemonic == guest.Mnemonic && part[i].OpCount == guest.OpCount)
            {
                reason = DifferenceOf(whole, i);
                if (reason is null)
                {
                    return null;
                }
            }
        }

        return reason;
    }

    private static string? DifferenceOf(EmittedPart whole, int at)
    {
        var (guest, part) = (whole.Guest, whole.Host);
        var host = part[at];
        if (host.HasLockPrefix != guest.HasLockPrefix)
        {
            return "LOCK differs";
        }

        if (host.Encoding != guest.Encoding || host.MemorySize.GetSize() != guest.MemorySize.GetSize() && host.MemoryBase == Register.RSI)
        {
            return "the encoding or the size in memory differs";
        }

        for (var k = 0; k < guest.OpCount; k++)
        {
            if (OperandDifference(whole, at, k) is { } difference)
            {
                return $"operand {k}: {difference}";
            }
        }

        return null;
    }

    private static string? OperandDifference(EmittedPart whole, int at, int k)
    {
        var (guest, host) = (whole.Guest, whole.Host[at]);
        switch (guest.GetOpKind(k))
        {
            case OpKind.Memory:
                return host.GetOpKind(k) == OpKind.Memory && host is { MemoryBase: Register.RSI, MemoryIndex: Register.None or Register.RDI } ? null : "not the translated address";
            case OpKind.Register:
                return RegisterDifference(guest.GetOpRegister(k), whole, at, k);
            default:
                return Immediate(guest, k) == Immediate(host, k) ? null : $"{Immediate(host, k):X}, not {Immediate(guest, k):X}";
        }
    }

    private static ulong Immediate(in Instruction instruction, int k)
    {
        // Extended to the operand's size, which the guest's and the host's share.
        var size = instruction.Op0Kind == OpKind.Register ? instruction.Op0Register.GetSize() : instruction.MemorySize.GetSize();
        return size >= 8 ? instruction.GetImmediate(k) : instruction.GetImmediate(k) & ((1UL << (8 * size)) - 1);
    }

    private static string? RegisterDifference(Register guest, EmittedPart whole, int at, int k)
    {
        var part = whole.Host;
        var host = part[at];
        if (!guest.IsGPR() || guest is >= Register.AH and <= Register.BH)
        {
            return host.GetOpKind(k) == OpKind.Register && host.GetOpRegister(k) == guest ? null : $"not {guest}";
        }

        var number = guest.GetFullRegister() - Register.RAX;
        var home = whole.Block.HomeOf(guest.GetFullRegister());
        if (host.GetOpKind(k) == OpKind.Memory)
        {
            return home == Register.None && host.MemoryBase == Register.R15 && (int)host.MemoryDisplacement64 == number * 8 ? null : "not the register's slot";
        }

        var used = host.GetOpRegister(k);
        if (used.GetSize() != guest.GetSize())
        {
            return $"{used} is of another size";
        }

        if (home != Register.None && used.GetFullRegister() == home)
        {
            return null;
        }

        if (used.GetFullRegister() is not (Register.RSI or Register.RDI))
        {
            return $"{used} is not where {guest} lives";
        }

        // Through a temporary: fetched before unless it is only written, put back after if it is written.
        var access = new InstructionInfoFactory().GetInfo(host).GetOpAccess(k);
        var reads = access is not (OpAccess.Write or OpAccess.None) || (access == OpAccess.Write && guest.GetSize() < 4);
        var writes = access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.None);
        var temporary = used.GetFullRegister();
        return reads && !part.Take(at).Any(each => IsMove(each, 0, temporary, 1, number, home)) ? $"{guest} is not fetched into {temporary}"
            : writes && !part.Skip(at + 1).Any(each => IsMove(each, 1, temporary, 0, number, home)) ? $"{guest} is not put back from {temporary}"
            : null;
    }

    /// <summary>Whether it is a MOV of 8 bytes between a temporary and where a guest register lives.</summary>
    private static bool IsMove(in Instruction instruction, int temporaryOperand, Register temporary, int homeOperand, int number, Register home)
    {
        if (instruction.Mnemonic != Mnemonic.Mov || instruction.GetOpKind(temporaryOperand) != OpKind.Register || instruction.GetOpRegister(temporaryOperand) != temporary)
        {
            return false;
        }

        return home == Register.None
            ? instruction.GetOpKind(homeOperand) == OpKind.Memory && instruction.MemoryBase == Register.R15 && (int)instruction.MemoryDisplacement64 == number * 8
            : instruction.GetOpKind(homeOperand) == OpKind.Register && instruction.GetOpRegister(homeOperand) == home;
    }
}
