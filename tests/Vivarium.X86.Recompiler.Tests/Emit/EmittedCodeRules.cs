using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What must hold of every block: what it may contain, what it may access, where it may jump, and that re-encoded instructions are the guest's.</summary>
internal static class EmittedCodeRules
{
    /// <summary>What no block may contain, whatever the guest has: it traps, leaves user mode, or shows what the guest may not see.</summary>
    private static readonly HashSet<Mnemonic> s_never =
    [
        Mnemonic.Int, Mnemonic.Int1, Mnemonic.Int3, Mnemonic.Into, Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Ud2, Mnemonic.Hlt, Mnemonic.Syscall, Mnemonic.Sysenter, Mnemonic.Cpuid,
        Mnemonic.Rdtsc, Mnemonic.Rdtscp, Mnemonic.Rdpmc, Mnemonic.Rdpid, Mnemonic.Rdrand, Mnemonic.Rdseed, Mnemonic.Xgetbv, Mnemonic.Xsetbv, Mnemonic.In, Mnemonic.Out,
        Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq, Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Pushfq, Mnemonic.Std, Mnemonic.Cld, Mnemonic.Cli, Mnemonic.Sti,
        Mnemonic.Wrfsbase, Mnemonic.Wrgsbase, Mnemonic.Rdfsbase, Mnemonic.Rdgsbase, Mnemonic.Swapgs, Mnemonic.Vldmxcsr, Mnemonic.Xrstor, Mnemonic.Fxrstor,
        Mnemonic.Frstor, Mnemonic.Fldenv, Mnemonic.Fninit, Mnemonic.Fnclex, Mnemonic.Wait, Mnemonic.Bound, Mnemonic.Xlatb,
    ];

    /// <summary>The first rule that the block breaks, or null.</summary>
    public static string? Broken(EmittedBlock block)
    {
        var memory = new HostMemoryRules();
        var resumed = block.Resumed();
        foreach (var part in block.Parts())
        {
            memory.Begin(part, resumed.Contains((ulong)part.Place.Start));
            for (var i = 0; i < part.Host.Count && part.Place.Part != CodePart.SiteMiss; i++)
            {
                if (BrokenBy(part, i, memory) is { } rule)
                {
                    return $"{part.Place.Part} {part.Place.Number} ({part.Guest}), host {part.Host[i]}: {rule}";
                }
            }

            if (BrokenPart(part) is { } difference)
            {
                return $"{part.Place.Part} {part.Place.Number} ({part.Guest}) became {string.Join("; ", part.Host)}: {difference}";
            }
        }

        return null;
    }

    private static string? BrokenPart(EmittedPart part) => part.Place.Part switch
    {
        CodePart.SlowPath => SwapRules.Broken(part) ?? HostJumpRules.BrokenSlowPath(part),
        CodePart.SiteMiss => SiteRules.BrokenMiss(part),
        CodePart.Edge or CodePart.End or CodePart.Entry => SwapRules.Broken(part),
        _ => SwapRules.Broken(part) ?? BrokenInstruction(part),
    };

    private static string? BrokenInstruction(EmittedPart part) => part.Kind switch
    {
        LoweringKind.Nothing => part.Host.Count == 0 ? null : "nothing was to be emitted",
        LoweringKind.ConditionalJump => HostJumpRules.BrokenCondition(part),
        LoweringKind.X87 when part.Guest.Mnemonic == Mnemonic.Wait => part.Host.Count == 0 ? null : "nothing was to be emitted",
        LoweringKind.X87 when part.Guest.Mnemonic == Mnemonic.Fldcw => ControlWordRules.BrokenX87(part) ?? AddressRules.Broken(part),
        LoweringKind.LoadMxcsr => ControlWordRules.BrokenMxcsr(part) ?? AddressRules.Broken(part),
        LoweringKind.Reencode or LoweringKind.BitTest or LoweringKind.Vector or LoweringKind.AlignedVector or LoweringKind.Copy
            or LoweringKind.X87 or LoweringKind.Mmx or LoweringKind.ClearVectors => ReencodedInstruction.Difference(part) ?? AddressRules.Broken(part),
        LoweringKind.Divide => AddressRules.Broken(part),
        LoweringKind.String or LoweringKind.RepeatedString => StringFormRules.BrokenString(part),
        LoweringKind.BitTestBeyond => StringFormRules.BrokenBits(part),
        _ => null,
    };

    private static string? BrokenBy(EmittedPart part, int i, HostMemoryRules memory)
    {
        var host = part.Host[i];
        return host.IsInvalid ? "it does not decode"
            : !host.OpCode.Cpl3 || s_never.Contains(host.Mnemonic) ? "it is never allowed"
            : host.SegmentPrefix != Register.None ? "a segment prefix"
            : host.HasLockPrefix && !part.Guest.HasLockPrefix ? "a LOCK prefix"
            : (host.HasRepPrefix || host.HasRepnePrefix) && part.Guest.Mnemonic != host.Mnemonic ? "a REP prefix"
            : host.Mnemonic is Mnemonic.Div or Mnemonic.Idiv && !part.Host.Take(i).Any(each => each.IsJccShortOrNear) ? "an unguarded division"
            : HostCodeRules.Broken(part, i) ?? memory.Broken(part, i) ?? HostJumpRules.Broken(part, i);
    }
}
