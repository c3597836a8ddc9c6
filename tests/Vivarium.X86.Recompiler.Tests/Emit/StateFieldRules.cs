using System.Runtime.InteropServices;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Which fields of the vCPU's memory emitted code may name, and where.</summary>
internal static class StateFieldRules
{
    private const int Registers = 16 * sizeof(ulong);
    private static readonly int s_fip = OffsetOf(nameof(CpuState.Fip));
    private static readonly int s_fop = OffsetOf(nameof(CpuState.Fop));
    private static readonly int s_fdp = OffsetOf(nameof(CpuState.Fdp));
    private static readonly int s_flags = OffsetOf(nameof(CpuState.FlagSystem));
    private static readonly int s_privilege = OffsetOf(nameof(CpuState.Cpl));
    private static readonly int s_kernelGs = OffsetOf(nameof(CpuState.KernelGsBase));
    private static readonly int s_far = RegisterOffset.Far;

    /// <summary>Null if an instruction with R15 as its base may stand where it does.</summary>
    public static string? Broken(EmittedPart part, in Instruction host)
    {
        var offset = (int)host.MemoryDisplacement64;
        var isAllowed = host.MemoryIndex switch
        {
            Register.None when SystemFormRules.Allows(part, host, offset) || SwapRules.IsMove(part, host) || SiteRules.Allows(part, host, offset) => true,
            Register.None => offset is >= 0 and < Registers ? IsRegister(part, host, offset) : offset < 0 ? IsEngineField(part, host, offset) : IsStateField(part, host, offset),
            Register.RDI => part.HasAccess && host.MemoryIndexScale == 1 && IsTlbEntry(host, offset - part.TlbTable),
            Register.RSI => part.IsWayOut && host.MemoryIndexScale == 1 && IsJumpCacheEntry(host, offset - JumpCacheEntry.TableOffset),
            _ => false,
        };
        return isAllowed ? null : $"the field at {offset:X}";
    }

    /// <summary>A register that has no home on the host and that the guest's instruction uses.</summary>
    private static bool IsRegister(EmittedPart part, in Instruction host, int offset)
    {
        var register = Register.RAX + (offset / sizeof(ulong));
        return offset % sizeof(ulong) == 0 && part.Kind is not (null or LoweringKind.Interpret) && part.Block.HomeOf(register) == Register.None
            && RegisterUse.IsUsed(part.Guest, register) && host.Mnemonic is not (Mnemonic.Jmp or Mnemonic.Call);
    }

    private static bool IsEngineField(EmittedPart part, in Instruction host, int offset) => offset switch
    {
        EngineFields.HostFlagsOffset => host.MemorySize == MemorySize.UInt16 && part.Place.Part != CodePart.Entry,
        EngineFields.FlagOperandOffset => part.Kind is LoweringKind.Reencode or LoweringKind.Copy && host is { Mnemonic: Mnemonic.Mov, Op0Kind: OpKind.Memory, MemorySize: MemorySize.UInt64 },
        EngineFields.CounterOffset => part.IsWayOut && host is { Mnemonic: Mnemonic.Sub, Op0Kind: OpKind.Memory, MemorySize: MemorySize.UInt64 },
        EngineFields.HostStackOffset => part.Kind is LoweringKind.Call or LoweringKind.Return && host is { Mnemonic: Mnemonic.Mov, Op0Register: Register.RSP },
        EngineFields.StackLimitOffset => part.Kind == LoweringKind.Call && host is { Mnemonic: Mnemonic.Cmp, Op0Register: Register.RSP },
        EngineFields.ContextOffset => part.IsWayOut && IsLoad(host, Register.RDI),
        EngineFields.VectorsLiveOffset or EngineFields.X87LiveOffset => part.Place.Part == CodePart.Entry && host is { Mnemonic: Mnemonic.Cmp, MemorySize: MemorySize.UInt32, Immediate8: 0 },
        EngineFields.ValueOffset => part.Kind == LoweringKind.BitTestBeyond
            || part.Guest.Mnemonic == Mnemonic.Fldcw || part.Kind == LoweringKind.LoadMxcsr
            || (part.Kind == LoweringKind.Push && EmittedPart.HasMemory(part.Guest))
            || (part.Kind == LoweringKind.Call && part.Guest.Op0Kind is OpKind.Register or OpKind.Memory),
        EngineFields.HostAddressOffset when StringFormRules.IsString(part.Kind) => IsStore(host, Register.RSI) || IsLoad(host, Register.RDI),
        EngineFields.HostAddressOffset => part.Kind is LoweringKind.PushFlags or LoweringKind.Call && (IsLoad(host, Register.RSI) || IsStore(host, Register.RSI)),
        >= EngineFields.HeldAddressesOffset and < EngineFields.HeldAddressesOffset + (AccessGroups.SlotCount * sizeof(ulong)) =>
            (offset & 7) == 0 && part.HasAccess && (IsLoad(host, Register.RSI) || IsStore(host, Register.RSI)),
        _ => false,
    };

    private static bool IsStateField(EmittedPart part, in Instruction host, int offset) =>
        offset == RegisterOffset.RipPage ? IsLoad(host, Register.RSI) || IsLoad(host, Register.RDI) || (part.IsWayOut && IsStore(host, Register.RDI))
        : offset == RegisterOffset.Rip ? part.IsWayOut && IsStore(host, Register.RDI)
        : offset == s_fip || offset == s_fdp ? part.Kind == LoweringKind.X87 && IsStore(host, Register.RDI)
        : offset == s_fop ? part.Kind == LoweringKind.X87 && host.Code == Code.Mov_rm16_imm16
        : offset == s_privilege ? part.Kind is LoweringKind.ClearInterrupts or LoweringKind.SwapGs && host is { Mnemonic: Mnemonic.Cmp, Immediate8: 0 }
        : offset == s_kernelGs ? part.Kind == LoweringKind.SwapGs && (IsLoad(host, Register.RDI) || IsStore(host, Register.RSI))
        : offset == s_flags ? IsFlagAccess(part, host)
        : offset != s_far && IsSegmentBase(part, host, offset);

    private static bool IsFlagAccess(EmittedPart part, in Instruction host) => (part.Kind, part.Guest.Mnemonic, host.Mnemonic) switch
    {
        (LoweringKind.DirectionFlag, Mnemonic.Cld, Mnemonic.And) => host.GetImmediate(1) == ~(uint)Rflags.Df,
        (LoweringKind.DirectionFlag, Mnemonic.Std, Mnemonic.Or) => host.GetImmediate(1) == Rflags.Df,
        (LoweringKind.ClearInterrupts, Mnemonic.Cli, Mnemonic.And) => host.GetImmediate(1) == ~(uint)Rflags.If,
        (LoweringKind.PushFlags, _, Mnemonic.Or) => host.Op0Register == Register.EDI,
        (LoweringKind.String or LoweringKind.RepeatedString, _, Mnemonic.Test) => host.GetImmediate(1) == Rflags.Df,
        _ => false,
    };

    /// <summary>The base of the segment that the guest's operand is in, added to the address; SWAPGS loads and stores that of GS.</summary>
    private static bool IsSegmentBase(EmittedPart part, in Instruction host, int offset)
    {
        if (part.Kind == LoweringKind.SwapGs)
        {
            return offset == RegisterOffset.SegmentBase((int)X86Segment.Gs) && (IsLoad(host, Register.RSI) || IsStore(host, Register.RDI));
        }

        return part.HasAccess && (EmittedPart.HasMemory(part.Guest) || StringFormRules.IsString(part.Kind)) && host is { Mnemonic: Mnemonic.Add, Op0Register: Register.RSI }
            && offset == RegisterOffset.SegmentBase(part.Guest.MemorySegment - Register.ES);
    }

    private static bool IsTlbEntry(in Instruction host, int offset) => offset switch
    {
        0 or 8 => host is { Mnemonic: Mnemonic.Xor, Op0Register: Register.RSI },
        16 => host is { Mnemonic: Mnemonic.Add, Op0Register: Register.RSI } || IsLoad(host, Register.RDI),
        _ => false,
    };

    private static bool IsJumpCacheEntry(in Instruction host, int offset) => offset switch
    {
        JumpCacheEntry.RipOffset => host is { Mnemonic: Mnemonic.Cmp, Op0Register: Register.RDI } || IsLoad(host, Register.RDI),
        JumpCacheEntry.ContextOffset => host is { Mnemonic: Mnemonic.Cmp, Op0Register: Register.RDI },
        JumpCacheEntry.CodeOffset => host.Mnemonic is Mnemonic.Jmp or Mnemonic.Call,
        JumpCacheEntry.PageOffset => IsLoad(host, Register.RDI),
        _ => false,
    };

    public static bool IsLoad(in Instruction host, Register register) => host.Code == Code.Mov_r64_rm64 && host.Op0Register == register;

    public static bool IsStore(in Instruction host, Register register) => host.Code == Code.Mov_rm64_r64 && host.Op1Register == register;

    private static int OffsetOf(string field) => (int)Marshal.OffsetOf<CpuState>(field);
}
