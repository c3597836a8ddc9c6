using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Lookups of hot code in entries of their own, and what fills those.</summary>
internal static unsafe class SiteRules
{
    /// <summary>The entry that an operand is in, and where in it; null if it is no field of one.</summary>
    public static (int Number, int Offset)? SiteOf(in Instruction host)
    {
        var offset = (int)host.MemoryDisplacement64 - VcpuMemory.SiteTlbOffset;
        return host is { MemoryBase: Register.R15, MemoryIndex: Register.None } && offset >= 0 && offset < SiteTlb.HistoryOffset
            ? (offset / sizeof(SiteEntry), offset % sizeof(SiteEntry)) : null;
    }

    private static (int Number, int Offset)? HistoryOf(in Instruction host)
    {
        var offset = (int)host.MemoryDisplacement64 - VcpuMemory.SiteTlbOffset - SiteTlb.HistoryOffset;
        return host is { MemoryBase: Register.R15, MemoryIndex: Register.None } && offset >= 0 && offset < SiteTlb.FilledOffset - SiteTlb.HistoryOffset
            ? (offset / sizeof(SiteHistory), offset % sizeof(SiteHistory)) : null;
    }

    /// <summary>Whether an instruction reads a site's entry as a lookup does.</summary>
    public static bool Allows(EmittedPart part, in Instruction host, int offset) => part.HasAccess && SiteOf(host) is { } site && site.Offset switch
    {
        SiteEntry.TagOffset => host is { Mnemonic: Mnemonic.Xor, Op0Register: Register.RSI },
        SiteEntry.PageOffset => host is { Mnemonic: Mnemonic.Add, Op0Register: Register.RSI } || StateFieldRules.IsLoad(host, Register.RDI),
        _ => false,
    };

    /// <summary>
    /// A miss looks in the TLB for what the site is for, counts, notes that the entry is filled, copies the TLB's entry, and goes on behind the
    /// jump that led here.
    /// </summary>
    public static string? BrokenMiss(EmittedPart part)
    {
        var host = part.Host;
        if (SiteOf(host[0]) is not { Offset: SiteEntry.TagOffset } site)
        {
            return "a miss that does not begin with the tag of its site";
        }

        var key = part.Block.Cache.Sites.KeyOf(site.Number);
        var tag = key.IsWrite ? 8 : 0;
        var list = VcpuMemory.SiteTlbOffset;
        Predicate<Instruction>[] expected =
        [
            each => Is(each, Mnemonic.Xor, SiteEntry.TagOffset) && each.Op0Register == Register.RSI,
            .. CodeHost.HasBmi2
                ? (Predicate<Instruction>[])[each => each is { Code: Code.VEX_Rorx_r32_rm32_imm8, Op0Register: Register.EDI, Op1Register: Register.ESI, Immediate8: 7 }]
                : [each => each is { Code: Code.Mov_r32_rm32, Op0Register: Register.EDI, Op1Register: Register.ESI }, each => each is { Mnemonic: Mnemonic.Shr, Op0Register: Register.EDI }],
            each => each is { Mnemonic: Mnemonic.And, Op0Register: Register.EDI } && each.GetImmediate(1) == (Tlb.EntryCount - 1) << 5,
            each => each is { Mnemonic: Mnemonic.Xor, Op0Register: Register.RSI } && IsTlb(each, tag),
            each => each is { Mnemonic: Mnemonic.Cmp, Op0Register: Register.RSI } && (int)each.GetImmediate(1) == 4096 - key.SizeBytes,
            each => each.ConditionCode == ConditionCode.a && IsSlow(each),
            each => IsHistory(each, Mnemonic.Add, SiteHistory.MissesOffset) && each is { MemorySize: MemorySize.UInt8, Immediate8: 1 },
            each => each.ConditionCode == ConditionCode.b && IsSlow(each),
            each => IsHistory(each, Mnemonic.Cmp, SiteHistory.IsFilledOffset) && each is { MemorySize: MemorySize.UInt8 or MemorySize.Int8 } && each.GetImmediate(1) == 0,
            each => each.ConditionCode == ConditionCode.ne && each.NearBranchTarget == host[^5].IP,
            each => each is { Mnemonic: Mnemonic.Push, Op0Register: Register.RDI },
            each => each is { Code: Code.Mov_r32_rm32, Op0Register: Register.EDI } && (int)each.MemoryDisplacement64 - list == SiteTlb.FilledCountOffset,
            each => each is { Code: Code.Mov_rm32_imm32, MemoryBase: Register.R15, MemoryIndex: Register.RDI, MemoryIndexScale: 4 }
                && (int)each.MemoryDisplacement64 - list == SiteTlb.FilledOffset && (int)each.Immediate32 == site.Number,
            each => each is { Mnemonic: Mnemonic.Add, MemorySize: MemorySize.UInt32 or MemorySize.Int32 } && (int)each.MemoryDisplacement64 - list == SiteTlb.FilledCountOffset && each.GetImmediate(1) == 1,
            each => each is { Mnemonic: Mnemonic.Pop, Op0Register: Register.RDI },
            each => IsHistory(each, Mnemonic.Mov, SiteHistory.IsFilledOffset) && each is { MemorySize: MemorySize.UInt8 or MemorySize.Int8 } && each.GetImmediate(1) == 1,
            each => each is { Mnemonic: Mnemonic.Push } && IsTlb(each, tag),
            each => Is(each, Mnemonic.Pop, SiteEntry.TagOffset),
            each => each is { Mnemonic: Mnemonic.Push } && IsTlb(each, 16),
            each => Is(each, Mnemonic.Pop, SiteEntry.PageOffset),
            each => each.Mnemonic == Mnemonic.Jmp && IsResumed(each),
        ];
        if (host.Count != expected.Length)
        {
            return $"{host.Count} instructions, not {expected.Length}";
        }

        for (var i = 0; i < expected.Length; i++)
        {
            if (!expected[i](host[i]))
            {
                return $"{host[i]} in its place {i}";
            }
        }

        return null;

        bool Is(in Instruction each, Mnemonic mnemonic, int offset) => each.Mnemonic == mnemonic && SiteOf(each) == (site.Number, offset);

        bool IsHistory(in Instruction each, Mnemonic mnemonic, int offset) => each.Mnemonic == mnemonic && HistoryOf(each) == (site.Number, offset);

        bool IsTlb(in Instruction each, int offset) => each is { MemoryBase: Register.R15, MemoryIndex: Register.RDI, MemoryIndexScale: 1 }
            && (int)each.MemoryDisplacement64 - part.TlbTable == offset;

        bool IsSlow(in Instruction each) => part.Block.PlaceAt(each.NearBranchTarget) is { Part: CodePart.SlowPath } place && place.Number == part.Place.Number
            && HostJumpRules.IsBeginning(part, place, each.NearBranchTarget);

        bool IsResumed(in Instruction each)
        {
            var target = each.NearBranchTarget;
            var before = part.Block.Host.Find(one => one.NextIP == target);
            return before.ConditionCode == ConditionCode.a && before.NearBranchTarget == (ulong)part.Place.Start;
        }
    }
}
