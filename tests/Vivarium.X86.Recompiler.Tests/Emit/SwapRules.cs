using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// Registers that change places for the length of a block: at its entry and behind callbacks they come in, before every way out and every
/// callback they go back, all of them.
/// </summary>
internal static class SwapRules
{
    /// <summary>Whether it is a move of a register that changes places, where such a move may stand.</summary>
    public static bool IsMove(EmittedPart part, in Instruction host)
    {
        if (part.Kind is { } kind && kind != LoweringKind.Interpret && !part.IsWayOut)
        {
            return false;
        }

        foreach (var swap in part.Block.Map.Swaps)
        {
            if (IsStore(host, swap, swap.Displaced) || IsLoad(host, swap, swap.Displaced) || IsStore(host, swap, swap.Guest) || IsLoad(host, swap, swap.Guest))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Null if the part has all the moves that it needs, in their order.</summary>
    public static string? Broken(EmittedPart part)
    {
        var swaps = part.Block.Map.Swaps;
        var host = part.Host.FindAll(each => each.Mnemonic != Mnemonic.Call || !HostJumpRules.IsFindPage(part, each));
        var call = host.FindIndex(each => each.Mnemonic == Mnemonic.Call && each.NearBranchTarget == (ulong)part.Block.Interpret);
        var comesIn = host.Skip(call + 1).ToList();
        var goesOut = call < 0 ? host : host.Take(call).ToList();
        var leaves = part.IsWayOut && (part.Place.Part != CodePart.Edge || host.Exists(each => each.Mnemonic == Mnemonic.Sub));
        foreach (var swap in swaps)
        {
            var isIn = comesIn.Exists(each => IsLoad(each, swap, swap.Guest));
            var isBack = goesOut.FindIndex(each => IsLoad(each, swap, swap.Displaced));
            var isKept = goesOut.FindIndex(each => IsStore(each, swap, swap.Guest));
            if (part.Place.Part == CodePart.Entry && !(isIn && comesIn.Exists(each => IsStore(each, swap, swap.Displaced))))
            {
                return "a register does not come in";
            }

            // Behind what gave them back, for a way out, they are where they belong.
            var isOut = part.Place.Part == CodePart.SlowPath && host.Count <= 3 && part.Block.Parts().Any(each => each.IsWayOut && each.Kind is not null && each.Place.Number == part.Place.Number);
            if (call >= 0 && !isOut && (isBack < 0 || (swap.IsWritten && (isKept < 0 || isKept > isBack))))
            {
                return "a register does not go back before a callback";
            }

            if (call >= 0 && host.Count > call + 1 && host[^1].Mnemonic == Mnemonic.Jmp && !isIn)
            {
                return "a register does not come in behind a callback";
            }

            if (leaves && part.Kind is not null && isBack < 0)
            {
                return "a register does not go back before a way out";
            }
        }

        return null;
    }

    private static bool IsStore(in Instruction host, in RegisterSwap swap, int guest) => IsSlot(host, guest) && StateFieldRules.IsStore(host, Register.RAX + swap.Host);

    private static bool IsLoad(in Instruction host, in RegisterSwap swap, int guest) => IsSlot(host, guest) && StateFieldRules.IsLoad(host, Register.RAX + swap.Host);

    private static bool IsSlot(in Instruction host, int guest) =>
        host is { MemoryBase: Register.R15, MemoryIndex: Register.None } && (int)host.MemoryDisplacement64 == guest * sizeof(ulong);
}
