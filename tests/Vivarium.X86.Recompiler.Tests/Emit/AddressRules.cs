using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What is looked up is the guest's operand: the registers of its address where they live, and its displacement.</summary>
internal static class AddressRules
{
    /// <summary>Null if the part has no lookup, or one of the operand's address less the operand's offset from it.</summary>
    public static string? Broken(EmittedPart part)
    {
        var lookup = part.Host.FindIndex(each => each is { Mnemonic: Mnemonic.Xor, Op0Register: Register.RSI, MemoryBase: Register.R15 } && !IsGuestRegister(each));
        if (lookup < 0)
        {
            return null;
        }

        var access = part.Host.FindIndex(lookup, each => each is { MemoryBase: Register.RSI } && each.Mnemonic != Mnemonic.Lea);
        var sum = access < 0 ? 0 : (long)part.Host[access].MemoryDisplacement64;
        var i = LastWriterOfAddress(part, lookup);
        while (i > 0 && part.Host[i] is { Mnemonic: Mnemonic.Add, MemoryBase: Register.R15 })
        {
            i = LastWriterOfAddress(part, i);
        }

        var isNarrow = i >= 0 && part.Host[i].Op0Register == Register.ESI;

        // Two steps where RIP is near the end of what a displacement reaches.
        for (; i > 0 && part.Host[i] is { Mnemonic: Mnemonic.Lea, MemoryBase: Register.RSI, MemoryIndex: Register.None } && part.Host[i - 1].Mnemonic == Mnemonic.Lea; i--)
        {
            sum += (long)part.Host[i].MemoryDisplacement64;
        }

        if (i < 0)
        {
            return "no address";
        }

        var (guest, host) = (part.Guest, part.Host[i]);
        if (host is { Code: Code.Mov_r64_rm64, MemoryBase: Register.R15, MemoryIndex: Register.None } && guest.MemoryBase.IsGPR())
        {
            return sum != (long)guest.MemoryDisplacement64 ? "another displacement"
                : guest.MemoryIndex == Register.None && (int)host.MemoryDisplacement64 == (guest.MemoryBase.GetFullRegister() - Register.RAX) * sizeof(ulong) ? null : "another register";
        }

        var isPlain = host.Mnemonic == Mnemonic.Mov && host.Op1Kind == OpKind.Register;
        var isConstant = host.Mnemonic == Mnemonic.Mov && host.Op1Kind is not (OpKind.Register or OpKind.Memory);
        sum += isConstant ? (long)host.GetImmediate(1) : isPlain ? 0 : (long)host.MemoryDisplacement64;
        var difference = sum - (long)guest.MemoryDisplacement64;
        return (isNarrow ? (int)difference : difference) != 0 ? "another displacement"
            : isPlain ? IsPlace(part, guest.MemoryBase, host.Op1Register, Register.RSI) && guest.MemoryIndex == Register.None ? null : "another register"
            : isConstant ? guest.MemoryBase == Register.None && guest.MemoryIndex == Register.None ? null : "not a register"
            : !IsPlace(part, guest.MemoryBase, host.MemoryBase, Register.RSI) ? "another base"
            : !IsPlace(part, guest.MemoryIndex, host.MemoryIndex, Register.RDI) || (guest.MemoryIndex != Register.None && guest.MemoryIndexScale != host.MemoryIndexScale) ? "another index"
            : null;
    }

    /// <summary>XOR of two guest registers that live in the state looks like a comparison with a tag otherwise.</summary>
    private static bool IsGuestRegister(in Instruction host) => host.MemoryIndex == Register.None && host.MemoryDisplacement64 < 16 * sizeof(ulong);

    private static int LastWriterOfAddress(EmittedPart part, int i) => part.Host.FindLastIndex(i - 1, each => RegisterUse.Written(each).Contains(Register.RSI));

    private static bool IsPlace(EmittedPart part, Register guest, Register host, Register temporary) => guest switch
    {
        Register.None => host == Register.None,
        Register.RIP or Register.EIP => host == temporary,
        _ => host.GetFullRegister() == (part.Block.HomeOf(guest.GetFullRegister()) is var home && home == Register.None ? temporary : home),
    };
}
