using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What must hold of every block: what it may contain, where it may jump, and that re-encoded instructions are the guest's.</summary>
internal static class EmittedCodeRules
{
    /// <summary>What the translator writes of its own accord.</summary>
    private static readonly HashSet<Mnemonic> s_own =
    [
        Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Lea, Mnemonic.Add, Mnemonic.Or, Mnemonic.And, Mnemonic.Sub, Mnemonic.Xor, Mnemonic.Cmp, Mnemonic.Test,
        Mnemonic.Shl, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Lahf, Mnemonic.Sahf, Mnemonic.Seto, Mnemonic.Nop, Mnemonic.Jmp, Mnemonic.Call, Mnemonic.Ret, Mnemonic.Push, Mnemonic.Pop,
    ];

    /// <summary>What no block may contain, whatever the guest has: it traps, leaves user mode, or shows what the guest may not see.</summary>
    private static readonly HashSet<Mnemonic> s_never =
    [
        Mnemonic.Int, Mnemonic.Int1, Mnemonic.Int3, Mnemonic.Into, Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Ud2, Mnemonic.Hlt, Mnemonic.Syscall, Mnemonic.Sysenter, Mnemonic.Cpuid,
        Mnemonic.Rdtsc, Mnemonic.Rdtscp, Mnemonic.Rdpmc, Mnemonic.Rdpid, Mnemonic.Rdrand, Mnemonic.Rdseed, Mnemonic.Xgetbv, Mnemonic.Xsetbv, Mnemonic.In, Mnemonic.Out,
        Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq, Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Pushfq, Mnemonic.Std, Mnemonic.Cld, Mnemonic.Cli, Mnemonic.Sti,
        Mnemonic.Wrfsbase, Mnemonic.Wrgsbase, Mnemonic.Rdfsbase, Mnemonic.Rdgsbase, Mnemonic.Ldmxcsr, Mnemonic.Xrstor, Mnemonic.Fxrstor, Mnemonic.Bound, Mnemonic.Xlatb,
    ];

    /// <summary>The first rule that the block breaks, or null.</summary>
    public static string? Broken(EmittedBlock block)
    {
        var places = block.Map.Places;
        var starts = block.Host.Select(instruction => instruction.IP).ToHashSet();
        for (var p = 0; p < places.Count; p++)
        {
            var guest = places[p].Part == CodePart.Instruction ? block.Guest(places[p].Number) : default;
            var part = block.PartOf(p).ToList();
            for (var i = 0; i < part.Count; i++)
            {
                if (BrokenBy(block, part, i, guest, starts) is { } rule)
                {
                    return $"{places[p].Part} {places[p].Number} ({guest}), host {part[i]}: {rule}";
                }
            }

            if (places[p].Part == CodePart.Instruction && IsReencoded(places[p].Kind) && ReencodedInstruction.Difference(guest, part) is { } difference)
            {
                return $"{guest} became {string.Join("; ", part)}: {difference}";
            }
        }

        return null;
    }

    private static bool IsReencoded(LoweringKind kind) =>
        kind is LoweringKind.Reencode or LoweringKind.BitTest or LoweringKind.Vector or LoweringKind.AlignedVector or LoweringKind.Copy;

    private static string? BrokenBy(EmittedBlock block, List<Instruction> part, int i, in Instruction guest, HashSet<ulong> starts)
    {
        var host = part[i];
        var info = host.OpCode;
        return host.IsInvalid ? "it does not decode"
            : !info.Cpl3 || s_never.Contains(host.Mnemonic) ? "it is never allowed"
            : !s_own.Contains(host.Mnemonic) && !host.IsJccShortOrNear && host.Mnemonic != guest.Mnemonic ? "it is neither the translator's nor the guest's"
            : host.SegmentPrefix != Register.None ? "a segment prefix"
            : host.HasLockPrefix && !guest.HasLockPrefix ? "a LOCK prefix"
            : (host.HasRepPrefix || host.HasRepnePrefix) && guest.Mnemonic != host.Mnemonic ? "a REP prefix"
            : host.Mnemonic is Mnemonic.Div or Mnemonic.Idiv && !part.Take(i).Any(each => each.IsJccShortOrNear) ? "an unguarded division"
            : BrokenMemory(part, i) ?? BrokenJump(block, host, starts);
    }

    private static string? BrokenMemory(List<Instruction> part, int i)
    {
        var host = part[i];
        var operands = Enumerable.Range(0, host.OpCount).ToList();
        if (operands.Any(k => host.GetOpKind(k) is OpKind.MemorySegRSI or OpKind.MemorySegRDI or OpKind.MemoryESRDI or OpKind.MemorySegESI or OpKind.MemoryESEDI or OpKind.MemorySegEDI))
        {
            return "an implied memory operand";
        }

        if (host.Mnemonic == Mnemonic.Lea || !operands.Any(k => host.GetOpKind(k) == OpKind.Memory))
        {
            return null;
        }

        if (host.MemoryBase is not (Register.R15 or Register.RSI or Register.RSP))
        {
            return "memory through a guest register";
        }

        var isAligned = host.Encoding == EncodingKind.Legacy && host.MemorySize.GetSize() == 16 && operands.Any(k => host.GetOpKind(k) == OpKind.Register && host.GetOpRegister(k).IsXMM())
            && host.Mnemonic is not (Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqu or Mnemonic.Lddqu or Mnemonic.Pcmpestri or Mnemonic.Pcmpestrm or Mnemonic.Pcmpistri or Mnemonic.Pcmpistrm);
        return isAligned && !part.Take(i).Any(each => each is { Mnemonic: Mnemonic.Test, Immediate8: 15 }) ? "16 bytes that may be misaligned" : null;
    }

    private static unsafe string? BrokenJump(EmittedBlock block, in Instruction host, HashSet<ulong> starts)
    {
        if (host.Op0Kind != OpKind.NearBranch64)
        {
            return host.FlowControl is FlowControl.IndirectBranch or FlowControl.IndirectCall && host.Op0Kind != OpKind.Memory ? "a jump to a register" : null;
        }

        var thunks = block.Cache.Thunks;
        var target = host.NearBranchTarget;
        return starts.Contains(target) || target == (ulong)thunks.Interpret || target == (ulong)thunks.Exit || target == (ulong)thunks.LoadVectors ? null : $"a jump to {target:X}";
    }
}
