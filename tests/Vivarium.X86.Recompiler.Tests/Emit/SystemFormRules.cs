using System.Runtime.InteropServices;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Which fields of the vCPU's memory system instructions may name besides the others, and how.</summary>
internal static class SystemFormRules
{
    private static readonly int s_flags = OffsetOf(nameof(CpuState.FlagSystem));
    private static readonly int s_privilege = OffsetOf(nameof(CpuState.Cpl));
    private static readonly int s_shadow = OffsetOf(nameof(CpuState.InterruptShadow));
    private static readonly int s_cr4 = OffsetOf(nameof(CpuState.Cr4));
    private static readonly int s_efer = OffsetOf(nameof(CpuState.Efer));
    private static readonly int s_star = OffsetOf(nameof(CpuState.Star));
    private static readonly int s_lstar = OffsetOf(nameof(CpuState.Lstar));
    private static readonly int s_sfmask = OffsetOf(nameof(CpuState.Sfmask));
    private static readonly int s_cs = OffsetOf(nameof(CpuState.Cs));
    private static readonly int s_ss = OffsetOf(nameof(CpuState.Ss));
    private static readonly int s_ds = OffsetOf(nameof(CpuState.Ds));

    /// <summary>Whether an instruction with R15 as its base and no index may stand in the part of a system instruction.</summary>
    public static bool Allows(EmittedPart part, in Instruction host, int offset) => part.Kind switch
    {
        LoweringKind.AccessControl => AllowsAccessControl(part, host, offset),
        LoweringKind.AllowInterrupts => AllowsInterrupts(host, offset),
        LoweringKind.SystemCall or LoweringKind.SystemReturn => AllowsSystemCall(part, host, offset),
        _ => false,
    };

    private static bool AllowsAccessControl(EmittedPart part, in Instruction host, int offset)
    {
        var sets = part.Guest.Mnemonic == Mnemonic.Stac;
        return offset == s_privilege ? host is { Mnemonic: Mnemonic.Cmp, Immediate8: 0 }
            : offset == s_cr4 ? host.Mnemonic == Mnemonic.Test && host.GetImmediate(1) == ControlBits.Cr4Smap
            : offset == s_flags ? host.Mnemonic == (sets ? Mnemonic.Or : Mnemonic.And) && (uint)host.GetImmediate(1) == (sets ? (uint)Rflags.Ac : ~(uint)Rflags.Ac)
            : offset == EngineFields.ContextOffset ? host.Code == Code.Mov_rm16_imm16 && Mmu(host.Immediate16) == (sets ? MmuMode.SupervisorNoSmap : MmuMode.Supervisor)
            : IsFrameReset(host, offset);
    }

    private static bool AllowsInterrupts(in Instruction host, int offset) =>
        offset == s_flags ? host.Code == Code.Mov_r32_rm32 || (host.Mnemonic == Mnemonic.Or && host.GetImmediate(1) == Rflags.If)
        : offset == s_shadow ? host is { Code: Code.Mov_rm8_imm8, Immediate8: (byte)InterruptShadow.Sti }
        : (offset == s_privilege || offset == EngineFields.InterruptWaitingOffset) && IsCombined(host, Mnemonic.Or);

    private static bool AllowsSystemCall(EmittedPart part, in Instruction host, int offset)
    {
        var returns = part.Kind == LoweringKind.SystemReturn;
        return offset == s_privilege ? (returns && IsCombined(host, Mnemonic.Or)) || (host.Code == Code.Mov_rm32_imm32 && host.Immediate32 == (returns ? 3 : 0))
            : offset == s_flags ? StateFieldRules.IsStore(host, Register.RDI) || (!returns && (IsCombined(host, Mnemonic.Or) || IsCombined(host, Mnemonic.And)))
            : offset == s_efer ? host.Code == Code.Mov_r32_rm32 || host.Mnemonic == Mnemonic.Test
            : offset == s_sfmask || offset == s_star + 4 ? !returns && host.Code == Code.Mov_r32_rm32
            : offset == s_lstar ? !returns && StateFieldRules.IsLoad(host, Register.RDI)
            : offset == s_star + 6 ? returns && host.Code == Code.Movzx_r32_rm16
            : offset >= s_cs && offset < s_ds ? host.Code is Code.Mov_rm16_r16 or Code.Mov_rm32_imm32 or Code.Mov_rm64_imm32
            : offset == EngineFields.InterruptWaitingOffset ? returns && IsCombined(host, Mnemonic.Or)
            : offset == (returns ? EngineFields.UserContextOffset : EngineFields.SupervisorContextOffset) ? StateFieldRules.IsLoad(host, Register.RDI)
            : offset == EngineFields.ContextOffset ? StateFieldRules.IsStore(host, Register.RDI)
            : IsFrameReset(host, offset);
    }

    /// <summary>Return frames of the mode that is left are given up.</summary>
    private static bool IsFrameReset(in Instruction host, int offset) =>
        offset == EngineFields.HostStackOffset && host is { Mnemonic: Mnemonic.Mov, Op0Register: Register.RSP };

    private static bool IsCombined(in Instruction host, Mnemonic mnemonic) => host.Mnemonic == mnemonic && host.Op0Kind == OpKind.Register && host.Op0Register == Register.EDI;

    private static MmuMode Mmu(ushort mode) => (MmuMode)((int)((TranslationMode)mode & TranslationMode.MmuMask) >> (int)TranslationMode.MmuShift);

    private static int OffsetOf(string field) => (int)Marshal.OffsetOf<CpuState>(field);
}
