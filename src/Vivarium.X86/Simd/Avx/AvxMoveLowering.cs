using System.Runtime.Intrinsics;
using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Moves and element access on vector registers in VEX encoding.</summary>
internal static unsafe class AvxMoveLowering
{
    public static nint Find(in Instruction instruction)
    {
        var memory = HasMemory(instruction);
        var target = FindWhole(instruction.Code, memory);
        if (target == 0)
        {
            target = FindPart(instruction.Code, memory);
        }

        return target != 0 ? target : FindElement(instruction.Code, memory);
    }

    private static bool HasMemory(in Instruction instruction)
    {
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Memory)
            {
                return true;
            }
        }

        return false;
    }

    private static nint FindWhole(Code code, bool memory) => code switch
    {
        Code.VEX_Vmovaps_xmm_xmmm128 or Code.VEX_Vmovapd_xmm_xmmm128 or Code.VEX_Vmovdqa_xmm_xmmm128 =>
            memory ? Handler(&AvxMoveHandlers.LoadAligned<Length128>) : Handler(&AvxMoveHandlers.Load<Length128>),
        Code.VEX_Vmovntdqa_xmm_m128 => Handler(&AvxMoveHandlers.LoadAligned<Length128>),
        Code.VEX_Vmovups_xmm_xmmm128 or Code.VEX_Vmovupd_xmm_xmmm128 or Code.VEX_Vmovdqu_xmm_xmmm128 or Code.VEX_Vlddqu_xmm_m128 =>
            Handler(&AvxMoveHandlers.Load<Length128>),
        Code.VEX_Vmovaps_xmmm128_xmm or Code.VEX_Vmovapd_xmmm128_xmm or Code.VEX_Vmovdqa_xmmm128_xmm =>
            memory ? Handler(&AvxMoveHandlers.StoreAligned<Length128>) : Handler(&AvxMoveHandlers.Load<Length128>),
        Code.VEX_Vmovntps_m128_xmm or Code.VEX_Vmovntpd_m128_xmm or Code.VEX_Vmovntdq_m128_xmm => Handler(&AvxMoveHandlers.StoreAligned<Length128>),
        Code.VEX_Vmovups_xmmm128_xmm or Code.VEX_Vmovupd_xmmm128_xmm or Code.VEX_Vmovdqu_xmmm128_xmm =>
            memory ? Handler(&AvxMoveHandlers.Store<Vector128<byte>>) : Handler(&AvxMoveHandlers.Load<Length128>),
        Code.VEX_Vmovaps_ymm_ymmm256 or Code.VEX_Vmovapd_ymm_ymmm256 or Code.VEX_Vmovdqa_ymm_ymmm256 =>
            memory ? Handler(&AvxMoveHandlers.LoadAligned<Length256>) : Handler(&AvxMoveHandlers.Load<Length256>),
        Code.VEX_Vmovntdqa_ymm_m256 => Handler(&AvxMoveHandlers.LoadAligned<Length256>),
        Code.VEX_Vmovups_ymm_ymmm256 or Code.VEX_Vmovupd_ymm_ymmm256 or Code.VEX_Vmovdqu_ymm_ymmm256 or Code.VEX_Vlddqu_ymm_m256 =>
            Handler(&AvxMoveHandlers.Load<Length256>),
        Code.VEX_Vmovaps_ymmm256_ymm or Code.VEX_Vmovapd_ymmm256_ymm or Code.VEX_Vmovdqa_ymmm256_ymm =>
            memory ? Handler(&AvxMoveHandlers.StoreAligned<Length256>) : Handler(&AvxMoveHandlers.Load<Length256>),
        Code.VEX_Vmovntps_m256_ymm or Code.VEX_Vmovntpd_m256_ymm or Code.VEX_Vmovntdq_m256_ymm => Handler(&AvxMoveHandlers.StoreAligned<Length256>),
        Code.VEX_Vmovups_ymmm256_ymm or Code.VEX_Vmovupd_ymmm256_ymm or Code.VEX_Vmovdqu_ymmm256_ymm =>
            memory ? Handler(&AvxMoveHandlers.Store<Vector256<byte>>) : Handler(&AvxMoveHandlers.Load<Length256>),
        _ => 0,
    };

    private static nint FindPart(Code code, bool memory) => code switch
    {
        Code.VEX_Vmovss_xmm_m32 => Handler(&AvxMoveHandlers.LoadZeroExtended<uint>),
        Code.VEX_Vmovsd_xmm_m64 => Handler(&AvxMoveHandlers.LoadZeroExtended<ulong>),
        Code.VEX_Vmovss_xmm_xmm_xmm or Code.VEX_Vmovss_xmm_xmm_xmm_0F11 => Handler(&AvxMoveHandlers.MergeLow<uint>),
        Code.VEX_Vmovsd_xmm_xmm_xmm or Code.VEX_Vmovsd_xmm_xmm_xmm_0F11 => Handler(&AvxMoveHandlers.MergeLow<ulong>),
        Code.VEX_Vmovss_m32_xmm => Handler(&AvxMoveHandlers.Store<uint>),
        Code.VEX_Vmovsd_m64_xmm or Code.VEX_Vmovlps_m64_xmm or Code.VEX_Vmovlpd_m64_xmm => Handler(&AvxMoveHandlers.Store<ulong>),
        Code.VEX_Vmovlps_xmm_xmm_m64 or Code.VEX_Vmovlpd_xmm_xmm_m64 => Handler(&AvxMoveHandlers.MergeLow<ulong>),
        Code.VEX_Vmovhps_xmm_xmm_m64 or Code.VEX_Vmovhpd_xmm_xmm_m64 or Code.VEX_Vmovlhps_xmm_xmm_xmm => Handler(&AvxMoveHandlers.MergeHigh),
        Code.VEX_Vmovhlps_xmm_xmm_xmm => Handler(&AvxMoveHandlers.HighToLow),
        Code.VEX_Vmovhps_m64_xmm or Code.VEX_Vmovhpd_m64_xmm => Handler(&AvxMoveHandlers.StoreHigh),
        Code.VEX_Vmovd_xmm_rm32 => Handler(&AvxMoveHandlers.LoadZeroExtended<uint>),
        Code.VEX_Vmovq_xmm_rm64 or Code.VEX_Vmovq_xmm_xmmm64 => Handler(&AvxMoveHandlers.LoadZeroExtended<ulong>),
        Code.VEX_Vmovd_rm32_xmm => memory ? Handler(&AvxMoveHandlers.Store<uint>) : Handler(&AvxMoveHandlers.ToGeneral<uint>),
        Code.VEX_Vmovq_rm64_xmm => memory ? Handler(&AvxMoveHandlers.Store<ulong>) : Handler(&AvxMoveHandlers.ToGeneral<ulong>),
        Code.VEX_Vmovq_xmmm64_xmm => memory ? Handler(&AvxMoveHandlers.Store<ulong>) : Handler(&AvxMoveHandlers.LoadZeroExtended<ulong>),
        Code.VEX_Vmaskmovdqu_rDI_xmm_xmm => Handler(&AvxMoveHandlers.StoreMaskedBytes),
        Code.VEX_Vmovmskps_r32_xmm or Code.VEX_Vmovmskps_r64_xmm => Handler(&AvxMoveHandlers.SignMask<uint, Length128>),
        Code.VEX_Vmovmskps_r32_ymm or Code.VEX_Vmovmskps_r64_ymm => Handler(&AvxMoveHandlers.SignMask<uint, Length256>),
        Code.VEX_Vmovmskpd_r32_xmm or Code.VEX_Vmovmskpd_r64_xmm => Handler(&AvxMoveHandlers.SignMask<ulong, Length128>),
        Code.VEX_Vmovmskpd_r32_ymm or Code.VEX_Vmovmskpd_r64_ymm => Handler(&AvxMoveHandlers.SignMask<ulong, Length256>),
        Code.VEX_Vpmovmskb_r32_xmm or Code.VEX_Vpmovmskb_r64_xmm => Handler(&AvxMoveHandlers.SignMask<byte, Length128>),
        Code.VEX_Vpmovmskb_r32_ymm or Code.VEX_Vpmovmskb_r64_ymm => Handler(&AvxMoveHandlers.SignMask<byte, Length256>),
        Code.VEX_Vldmxcsr_m32 => Handler(&AvxMoveHandlers.LoadMxcsr),
        Code.VEX_Vstmxcsr_m32 => Handler(&AvxMoveHandlers.StoreMxcsr),
        _ => 0,
    };

    private static nint FindElement(Code code, bool memory) => code switch
    {
        Code.VEX_Vmovddup_xmm_xmmm64 => Handler(&AvxHandlers.Extend<LaneExtend.DuplicateLowQuadword, ulong, Length128>),
        Code.VEX_Vmovddup_ymm_ymmm256 => Handler(&AvxArrangeHandlers.DuplicateEvenQuadwords),
        Code.VEX_Vmovsldup_xmm_xmmm128 => Handler(&AvxHandlers.Binary<LaneExtend.DuplicateEvenDoublewords, Length128>),
        Code.VEX_Vmovshdup_xmm_xmmm128 => Handler(&AvxHandlers.Binary<LaneExtend.DuplicateOddDoublewords, Length128>),
        Code.VEX_Vmovsldup_ymm_ymmm256 => Handler(&AvxHandlers.Binary<LaneExtend.DuplicateEvenDoublewords, Length256>),
        Code.VEX_Vmovshdup_ymm_ymmm256 => Handler(&AvxHandlers.Binary<LaneExtend.DuplicateOddDoublewords, Length256>),
        Code.VEX_Vpinsrb_xmm_xmm_r32m8_imm8 or Code.VEX_Vpinsrb_xmm_xmm_r64m8_imm8 => Handler(&AvxElementHandlers.Insert<byte>),
        Code.VEX_Vpinsrw_xmm_xmm_r32m16_imm8 or Code.VEX_Vpinsrw_xmm_xmm_r64m16_imm8 => Handler(&AvxElementHandlers.Insert<ushort>),
        Code.VEX_Vpinsrd_xmm_xmm_rm32_imm8 => Handler(&AvxElementHandlers.Insert<uint>),
        Code.VEX_Vpinsrq_xmm_xmm_rm64_imm8 => Handler(&AvxElementHandlers.Insert<ulong>),
        Code.VEX_Vpextrb_r32m8_xmm_imm8 or Code.VEX_Vpextrb_r64m8_xmm_imm8 =>
            memory ? Handler(&AvxElementHandlers.ExtractToMemory<byte>) : Handler(&AvxElementHandlers.Extract<byte>),
        Code.VEX_Vpextrw_r32m16_xmm_imm8 or Code.VEX_Vpextrw_r64m16_xmm_imm8 =>
            memory ? Handler(&AvxElementHandlers.ExtractToMemory<ushort>) : Handler(&AvxElementHandlers.Extract<ushort>),
        Code.VEX_Vpextrd_rm32_xmm_imm8 or Code.VEX_Vextractps_rm32_xmm_imm8 or Code.VEX_Vextractps_r64m32_xmm_imm8 =>
            memory ? Handler(&AvxElementHandlers.ExtractToMemory<uint>) : Handler(&AvxElementHandlers.Extract<uint>),
        Code.VEX_Vpextrq_rm64_xmm_imm8 => memory ? Handler(&AvxElementHandlers.ExtractToMemory<ulong>) : Handler(&AvxElementHandlers.Extract<ulong>),
        Code.VEX_Vpextrw_r32_xmm_imm8 or Code.VEX_Vpextrw_r64_xmm_imm8 => Handler(&AvxElementHandlers.Extract<ushort>),
        Code.VEX_Vinsertps_xmm_xmm_xmmm32_imm8 =>
            memory ? Handler(&AvxElementHandlers.InsertSingleFromMemory) : Handler(&AvxHandlers.Immediate<LaneShuffle.InsertSingle, Length128>),
        _ => 0,
    };
}
