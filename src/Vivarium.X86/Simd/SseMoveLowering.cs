using System.Runtime.Intrinsics;
using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Moves and element access on XMM registers.</summary>
internal static unsafe class SseMoveLowering
{
    public static nint Find(in Instruction instruction)
    {
        var memory = instruction.Op0Kind == OpKind.Memory || (instruction.OpCount > 1 && instruction.Op1Kind == OpKind.Memory);
        return instruction.Code switch
        {
            Code.Movaps_xmm_xmmm128 or Code.Movapd_xmm_xmmm128 or Code.Movdqa_xmm_xmmm128 or Code.Movntdqa_xmm_m128 => Handler(&MoveHandlers.LoadAligned),
            Code.Movups_xmm_xmmm128 or Code.Movupd_xmm_xmmm128 or Code.Movdqu_xmm_xmmm128 or Code.Lddqu_xmm_m128 => Handler(&MoveHandlers.Load),
            Code.Movaps_xmmm128_xmm or Code.Movapd_xmmm128_xmm or Code.Movdqa_xmmm128_xmm =>
                memory ? Handler(&MoveHandlers.StoreAligned) : Handler(&MoveHandlers.Load),
            Code.Movntps_m128_xmm or Code.Movntpd_m128_xmm or Code.Movntdq_m128_xmm => Handler(&MoveHandlers.StoreAligned),
            Code.Movups_xmmm128_xmm or Code.Movupd_xmmm128_xmm or Code.Movdqu_xmmm128_xmm =>
                memory ? Handler(&MoveHandlers.Store<Vector128<byte>>) : Handler(&MoveHandlers.Load),
            Code.Movss_xmm_xmmm32 => memory ? Handler(&MoveHandlers.LoadZeroExtended<uint>) : Handler(&MoveHandlers.MergeLow<uint>),
            Code.Movsd_xmm_xmmm64 => memory ? Handler(&MoveHandlers.LoadZeroExtended<ulong>) : Handler(&MoveHandlers.MergeLow<ulong>),
            Code.Movss_xmmm32_xmm => memory ? Handler(&MoveHandlers.Store<uint>) : Handler(&MoveHandlers.MergeLow<uint>),
            Code.Movsd_xmmm64_xmm => memory ? Handler(&MoveHandlers.Store<ulong>) : Handler(&MoveHandlers.MergeLow<ulong>),
            Code.Movlps_xmm_m64 or Code.Movlpd_xmm_m64 => Handler(&MoveHandlers.MergeLow<ulong>),
            Code.Movhps_xmm_m64 or Code.Movhpd_xmm_m64 or Code.Movlhps_xmm_xmm => Handler(&MoveHandlers.MergeHigh),
            Code.Movhlps_xmm_xmm => Handler(&MoveHandlers.HighToLow),
            Code.Movlps_m64_xmm or Code.Movlpd_m64_xmm => Handler(&MoveHandlers.Store<ulong>),
            Code.Movhps_m64_xmm or Code.Movhpd_m64_xmm => Handler(&MoveHandlers.StoreHigh),
            Code.Movd_xmm_rm32 => Handler(&MoveHandlers.LoadZeroExtended<uint>),
            Code.Movq_xmm_rm64 or Code.Movq_xmm_xmmm64 => Handler(&MoveHandlers.LoadZeroExtended<ulong>),
            Code.Movd_rm32_xmm => memory ? Handler(&MoveHandlers.Store<uint>) : Handler(&MoveHandlers.ToGeneral32),
            Code.Movq_rm64_xmm => memory ? Handler(&MoveHandlers.Store<ulong>) : Handler(&MoveHandlers.ToGeneral64),
            Code.Movq_xmmm64_xmm => memory ? Handler(&MoveHandlers.Store<ulong>) : Handler(&MoveHandlers.LoadZeroExtended<ulong>),
            Code.Movnti_m32_r32 => Handler(&MoveHandlers.StoreGeneral<uint>),
            Code.Movnti_m64_r64 => Handler(&MoveHandlers.StoreGeneral<ulong>),
            Code.Maskmovdqu_rDI_xmm_xmm => Handler(&MoveHandlers.StoreMasked),
            Code.Movmskps_r32_xmm or Code.Movmskps_r64_xmm => Handler(&MoveHandlers.SignMask<uint>),
            Code.Movmskpd_r32_xmm or Code.Movmskpd_r64_xmm => Handler(&MoveHandlers.SignMask<ulong>),
            Code.Pmovmskb_r32_xmm or Code.Pmovmskb_r64_xmm => Handler(&MoveHandlers.SignMask<byte>),
            Code.Movddup_xmm_xmmm64 => Handler(&VectorHandlers.NarrowSource<LaneExtend.DuplicateLowQuadword, ulong>),
            Code.Movsldup_xmm_xmmm128 => Binary<LaneExtend.DuplicateEvenDoublewords>(),
            Code.Movshdup_xmm_xmmm128 => Binary<LaneExtend.DuplicateOddDoublewords>(),
            Code.Pinsrb_xmm_r32m8_imm8 or Code.Pinsrb_xmm_r64m8_imm8 => Handler(&ElementHandlers.Insert<byte>),
            Code.Pinsrw_xmm_r32m16_imm8 or Code.Pinsrw_xmm_r64m16_imm8 => Handler(&ElementHandlers.Insert<ushort>),
            Code.Pinsrd_xmm_rm32_imm8 => Handler(&ElementHandlers.Insert<uint>),
            Code.Pinsrq_xmm_rm64_imm8 => Handler(&ElementHandlers.Insert<ulong>),
            Code.Pextrb_r32m8_xmm_imm8 or Code.Pextrb_r64m8_xmm_imm8 =>
                memory ? Handler(&ElementHandlers.ExtractToMemory<byte>) : Handler(&ElementHandlers.Extract<byte>),
            Code.Pextrw_r32_xmm_imm8 or Code.Pextrw_r64_xmm_imm8 => Handler(&ElementHandlers.Extract<ushort>),
            Code.Pextrw_r32m16_xmm_imm8 or Code.Pextrw_r64m16_xmm_imm8 =>
                memory ? Handler(&ElementHandlers.ExtractToMemory<ushort>) : Handler(&ElementHandlers.Extract<ushort>),
            Code.Pextrd_rm32_xmm_imm8 or Code.Extractps_rm32_xmm_imm8 or Code.Extractps_r64m32_xmm_imm8 =>
                memory ? Handler(&ElementHandlers.ExtractToMemory<uint>) : Handler(&ElementHandlers.Extract<uint>),
            Code.Pextrq_rm64_xmm_imm8 => memory ? Handler(&ElementHandlers.ExtractToMemory<ulong>) : Handler(&ElementHandlers.Extract<ulong>),
            Code.Insertps_xmm_xmmm32_imm8 => memory ? Handler(&ElementHandlers.InsertSingleFromMemory) : Immediate<LaneShuffle.InsertSingle>(),
            _ => 0,
        };
    }
}
