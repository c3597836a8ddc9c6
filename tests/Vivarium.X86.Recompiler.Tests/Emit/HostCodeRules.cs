using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What the translator may write of its own accord: which instructions, for which of the guest's, and to which registers.</summary>
internal static class HostCodeRules
{
    /// <summary>Low bits of a linear address that choose a TLB entry, in place.</summary>
    private const int TlbSlotMask = (Tlb.EntryCount - 1) << 5;

    private static readonly HashSet<Mnemonic> s_anywhere =
    [
        Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Lea, Mnemonic.Add, Mnemonic.Or, Mnemonic.And, Mnemonic.Sub, Mnemonic.Xor, Mnemonic.Cmp, Mnemonic.Test,
        Mnemonic.Shl, Mnemonic.Shr, Mnemonic.Lahf, Mnemonic.Sahf, Mnemonic.Seto, Mnemonic.Jmp, Mnemonic.Call,
    ];

    public static string? Broken(EmittedPart part, int i)
    {
        var host = part.Host[i];
        return !part.IsGuests(i) && !IsAllowed(part, i) ? "it is neither the translator's nor the guest's" : BrokenWrite(part, host);
    }

    private static bool IsAllowed(EmittedPart part, int i)
    {
        var host = part.Host[i];
        return host.Mnemonic switch
        {
            Mnemonic.Rorx => IsSlotOf(part, i),
            Mnemonic.Imul => part.IsWayOut && host is { Code: Code.Imul_r32_rm32_imm32, Op0Register: Register.ESI, Op1Register: Register.EDI } && (int)host.GetImmediate(2) == JumpCacheEntry.HashFactor,
            Mnemonic.Sar when part.Kind is LoweringKind.SystemReturn or LoweringKind.BitTestBeyond => true,
            Mnemonic.Movsx or Mnemonic.Movsxd when part.Kind == LoweringKind.BitTestBeyond => host.Op0Register == Register.RDI,
            Mnemonic.Movsx or Mnemonic.Sar => part.Kind == LoweringKind.Divide,
            Mnemonic.Not => part.Guest.Mnemonic == Mnemonic.Fldcw && host.Op0Register == Register.EDI,
            Mnemonic.Ldmxcsr => part.Kind == LoweringKind.LoadMxcsr,
            Mnemonic.Fdecstp or Mnemonic.Fincstp => IsRaisedForX87(part, i),
            Mnemonic.Nop => part.IsWayOut,
            Mnemonic.Ret => part.Kind == LoweringKind.Return && host.OpCount == 0,
            Mnemonic.Push or Mnemonic.Pop => part.Kind == LoweringKind.Call && host.Op0Kind == OpKind.Register && host.Op0Register == Register.RDI,
            _ => s_anywhere.Contains(host.Mnemonic) || host.IsJccShortOrNear,
        };
    }

    /// <summary>RORX edi,esi,7 before the mask of a lookup.</summary>
    private static bool IsSlotOf(EmittedPart part, int i) =>
        CodeHost.HasBmi2 && part.HasAccess && part.Host[i] is { Code: Code.VEX_Rorx_r32_rm32_imm8, Op0Register: Register.EDI, Op1Register: Register.ESI, Immediate8: 7 }
        && part.Host[i + 1] is { Mnemonic: Mnemonic.And, Op0Register: Register.EDI } mask && mask.GetImmediate(1) == TlbSlotMask;

    /// <summary>CMP esi,esi; FINCSTP; FDECSTP before what sets flags on the x87 unit: the first of the two, or the second.</summary>
    private static bool IsRaisedForX87(EmittedPart part, int i)
    {
        var first = part.Host[i].Mnemonic switch { Mnemonic.Fincstp => i, Mnemonic.Fdecstp => i - 1, _ => 0 };
        return first > 0 && part.Kind == LoweringKind.X87 && first + 2 < part.Host.Count
            && part.Guest.Mnemonic is Mnemonic.Fcomi or Mnemonic.Fcomip or Mnemonic.Fucomi or Mnemonic.Fucomip
            && part.Host[first - 1] is { Mnemonic: Mnemonic.Cmp, Op0Register: Register.ESI, Op1Register: Register.ESI }
            && part.Host[first].Mnemonic == Mnemonic.Fincstp && part.Host[first + 1].Mnemonic == Mnemonic.Fdecstp && part.Host[first + 2].Mnemonic == part.Guest.Mnemonic;
    }

    /// <summary>Beside the temporaries only what the guest's instruction writes is written, and RAX where flags pass through it.</summary>
    private static string? BrokenWrite(EmittedPart part, in Instruction host)
    {
        if (SwapRules.IsMove(part, host))
        {
            return null;
        }

        foreach (var register in RegisterUse.Written(host))
        {
            var isAllowed = register switch
            {
                Register.RSI or Register.RDI => true,
                Register.RSP => part.Kind is LoweringKind.Call or LoweringKind.Return or LoweringKind.AccessControl or LoweringKind.SystemCall or LoweringKind.SystemReturn || IsThunkCall(host),
                Register.RAX when IsFlagMove(host) && IsGivenBack(part) => true,
                _ => part.Kind is not null && RegisterUse.Written(part.Guest).Any(guest => part.Block.HomeOf(guest) == register),
            };
            if (!isAllowed)
            {
                return $"{register} is not for it to write";
            }
        }

        return null;
    }

    private static bool IsThunkCall(in Instruction host) => host.Code == Code.Call_rel32_64;

    /// <summary>A step of taking flags to their image and back.</summary>
    private static bool IsFlagMove(in Instruction host) => host.Mnemonic is Mnemonic.Lahf or Mnemonic.Sahf
        || host is { Mnemonic: Mnemonic.Seto, Op0Register: Register.AL }
        || host is { Code: Code.Add_AL_imm8, Immediate8: 0x7F }
        || host is { Code: Code.Movzx_r32_rm16, Op0Register: Register.EAX, MemoryBase: Register.R15, MemoryIndex: Register.None } && (int)host.MemoryDisplacement64 == EngineFields.HostFlagsOffset
        || host is { Code: Code.Mov_r64_rm64, Op0Register: Register.RAX, Op1Register: Register.RSI or Register.RDI };

    private static bool IsGivenBack(EmittedPart part) =>
        part.Host.Exists(each => each is { Code: Code.Mov_r64_rm64, Op0Register: Register.RSI or Register.RDI, Op1Register: Register.RAX })
        && part.Host.Exists(each => each is { Code: Code.Mov_r64_rm64, Op0Register: Register.RAX, Op1Register: Register.RSI or Register.RDI });
}
