using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Where emitted code may jump, and what it may call.</summary>
internal static unsafe class HostJumpRules
{
    /// <summary>Null if an instruction leads where it may.</summary>
    public static string? Broken(EmittedPart part, int i)
    {
        var host = part.Host[i];
        if (host.Op0Kind != OpKind.NearBranch64)
        {
            // Through the jump cache: the rules for fields have it.
            return host.FlowControl is FlowControl.IndirectBranch or FlowControl.IndirectCall && host.Op0Kind != OpKind.Memory ? "a jump to a register" : null;
        }

        var isAllowed = host.Mnemonic == Mnemonic.Call ? IsCallee(part, i) : IsTarget(part, i);
        return isAllowed ? null : $"it leads to {host.NearBranchTarget:X}";
    }

    /// <summary>
    /// A slow path ends with a jump to the instruction behind those that the interpreter executed; or with the call, if their record says that
    /// emitted code is left there.
    /// </summary>
    public static string? BrokenSlowPath(EmittedPart part)
    {
        var (host, records) = (part.Host.FindAll(each => !SwapRules.IsMove(part, each)), part.Block.Cache);
        if (host.Count > 1 && IsFindPage(part, host[0]))
        {
            // Below: the page was found beside, and the comparison is made again.
            if (host[1].ConditionCode != ConditionCode.b || !IsComparison(part, host[1].NearBranchTarget))
            {
                return "it does not go back to the comparison";
            }

            host.RemoveRange(0, 2);
        }

        if (host is [{ Mnemonic: Mnemonic.Jmp } again] && part.Block.Map.Swaps.Count != 0)
        {
            return part.Block.PlaceAt(again.NearBranchTarget).Number == part.Place.Number ? null : "another lookup is made again";
        }

        if (host.Count < 2 || host[0] is not { Code: Code.Mov_r32_imm32, Op0Register: Register.EDI } || host[1].Mnemonic != Mnemonic.Call)
        {
            return "a slow path that does not begin with a record";
        }

        var first = records.Record((int)host[0].Immediate32);
        var last = records.Record((int)host[0].Immediate32 + first->GroupLength - 1);
        if (first->IndexInBlock != part.Place.Number || last->IndexInBlock != part.Place.Number + first->GroupLength - 1)
        {
            return "the record is another instruction's";
        }

        var leaves = (first->Properties & OpRecordFlags.LeavesAfterGroup) != 0 || (last->Properties & OpRecordFlags.Leave) != 0;
        return leaves
            ? host.Count == 2 ? null : "something behind a call that does not return"
            : host[^1].Mnemonic != Mnemonic.Jmp ? "it does not end with a jump"
            : host[^1].NearBranchTarget == part.Block.StartBehind(last->IndexInBlock) ? null : "it does not go on behind what the interpreter executed";
    }

    /// <summary>A conditional jump is the guest's, to the stub of its target; where a loop goes on it is the opposite one, to the stub of what follows.</summary>
    public static string? BrokenCondition(EmittedPart part)
    {
        var host = part.Host[^1];
        var staysIfTaken = part.Block.EndsRound(part.Place.Number);
        var guest = part.Guest;
        if (staysIfTaken)
        {
            guest.NegateConditionCode();
        }

        var expected = staysIfTaken ? part.Guest.NextIP : part.Guest.NearBranchTarget;
        return host.ConditionCode != guest.ConditionCode ? "another condition"
            : part.Host.SkipLast(1).Any(each => each.FlowControl != FlowControl.Next) ? "more than one jump"
            : part.Block.PlaceAt(host.NearBranchTarget) is { Part: CodePart.Edge } edge && (int)(edge.Number - (long)expected) == 0 ? null
            : "to another stub";
    }

    /// <summary>Whether a call asks for a page of the mode that its instruction is in, for what it is accessed for.</summary>
    public static bool IsFindPage(EmittedPart part, in Instruction host)
    {
        var (thunks, target) = (part.Block.Cache.Thunks, host.NearBranchTarget);
        return host.Mnemonic == Mnemonic.Call && (target == (ulong)thunks.FindPage(part.AccessMode, writes: false) || target == (ulong)thunks.FindPage(part.AccessMode, writes: true));
    }

    /// <summary>Whether the comparison of a lookup is at an address, of the instruction's own or at a site's miss, and leads to the slow path.</summary>
    private static bool IsComparison(EmittedPart part, ulong address)
    {
        var i = part.Block.Host.FindIndex(each => each.IP == address);
        if (i < 1 || part.Block.PlaceAt(address) is not { Part: CodePart.Instruction or CodePart.SiteMiss } place || place.Number != part.Place.Number)
        {
            return false;
        }

        var (tested, compared, jump) = (part.Block.Host[i - 1], part.Block.Host[i], part.Block.Host[i + 1]);
        var tag = (int)tested.MemoryDisplacement64 - part.TlbTable;
        return tested is { Mnemonic: Mnemonic.Xor, Op0Register: Register.RSI, MemoryIndex: Register.RDI } && compared is { Mnemonic: Mnemonic.Cmp, Op0Register: Register.RSI }
            && jump.ConditionCode == ConditionCode.a && jump.NearBranchTarget == (ulong)part.Place.Start
            && part.Host[0].NearBranchTarget == (ulong)part.Block.Cache.Thunks.FindPage(part.AccessMode, writes: tag == TlbEntry.WriteTagOffset);
    }

    /// <summary>A slow path is entered at its start, or behind the look for a page beside.</summary>
    public static bool IsBeginning(EmittedPart part, in CodePlace path, ulong target)
    {
        var start = (ulong)path.Start;
        var first = part.Block.Host.FindIndex(each => each.IP == start);
        return start == target || (IsFindPage(part, part.Block.Host[first]) && part.Block.Host[first + 2].IP == target);
    }

    private static bool IsCallee(EmittedPart part, int i)
    {
        var (thunks, target) = (part.Block.Cache.Thunks, part.Host[i].NearBranchTarget);
        var isInterpreted = part.Place.Part == CodePart.SlowPath || part.Kind == LoweringKind.Interpret;
        if (target == (ulong)thunks.LoadVectors || target == (ulong)thunks.LoadX87)
        {
            // At the entry unless they are loaded; behind a callback always.
            return part.Place.Part == CodePart.Entry
                ? part.Host[i - 1].IsJccShortOrNear && part.Host[i - 1].NearBranchTarget == part.Host[i].NextIP
                : isInterpreted && part.Host.Take(i).Any(each => each.NearBranchTarget == (ulong)thunks.Interpret);
        }

        if (IsFindPage(part, part.Host[i]))
        {
            return part.Place.Part == CodePart.SlowPath && i == 0;
        }

        if (target == (ulong)thunks.FindBeside)
        {
            return part.IsWayOut && part.Host[i + 1] is { ConditionCode: ConditionCode.e };
        }

        return target == (ulong)thunks.Interpret
            ? isInterpreted && part.Host[i - 1] is { Code: Code.Mov_r32_imm32, Op0Register: Register.EDI }
            : part.Kind == LoweringKind.Call && part.Block.PlaceAt(target) is { Part: CodePart.Edge } && part.Block.IsStart(target);
    }

    private static bool IsTarget(EmittedPart part, int i)
    {
        var (block, host) = (part.Block, part.Host[i]);
        var target = host.NearBranchTarget;
        if (target == (ulong)block.Cache.Thunks.Exit)
        {
            return host.Mnemonic == Mnemonic.Jmp && part.IsWayOut;
        }

        if (!block.IsStart(target))
        {
            return false;
        }

        var place = block.PlaceAt(target);
        if (part.Place.Part == CodePart.SlowPath && part.Host.Count == 1 + (part.Block.Map.Swaps.Count))
        {
            return place.Part == CodePart.Instruction && place.Number == part.Place.Number;
        }

        return place == part.Place || place.Part switch
        {
            CodePart.Edge => part.IsWayOut || part.Kind == LoweringKind.ConditionalJump,
            CodePart.SiteMiss when part.Place.Part == CodePart.Instruction => part.Kind is not (null or LoweringKind.Interpret) && place.Number == part.Place.Number && (ulong)place.Start == target,
            CodePart.SlowPath => (part.Kind is not (null or LoweringKind.Interpret) || part.Place.Part == CodePart.SiteMiss) && place.Number == part.Place.Number && IsBeginning(part, place, target),
            CodePart.Instruction or CodePart.SiteMiss when part.Place.Part == CodePart.SlowPath && i == 1 => IsComparison(part, target),
            CodePart.Instruction or CodePart.End => (ulong)place.Start == target && (part.Place.Part == CodePart.SlowPath || target == part.Host[^1].NextIP),
            _ => false,
        };
    }
}
