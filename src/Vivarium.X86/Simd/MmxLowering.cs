using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Instructions with an MMX operand.</summary>
internal static unsafe class MmxLowering
{
    public static nint Find(in Instruction instruction)
    {
        var target = LaneTable.Find<MmxForms>(instruction.Mnemonic);
        if (target == 0)
        {
            target = FindArrange(instruction);
        }

        return target != 0 ? target : FindMove(instruction);
    }

    private static nint FindArrange(in Instruction instruction)
    {
        var immediate = instruction.OpCount > 1 && instruction.Op1Kind == OpKind.Immediate8;
        return instruction.Mnemonic switch
        {
            Mnemonic.Punpcklbw => Handler(&MmxHandlers.UnpackLow<LaneArrange.UnpackLowBytes>),
            Mnemonic.Punpcklwd => Handler(&MmxHandlers.UnpackLow<LaneArrange.UnpackLowWords>),
            Mnemonic.Punpckldq => Handler(&MmxHandlers.UnpackLow<LaneArrange.UnpackLowDoublewords>),
            Mnemonic.Punpckhbw => Handler(&MmxHandlers.UnpackHigh<LaneArrange.UnpackLowBytes>),
            Mnemonic.Punpckhwd => Handler(&MmxHandlers.UnpackHigh<LaneArrange.UnpackLowWords>),
            Mnemonic.Punpckhdq => Handler(&MmxHandlers.UnpackHigh<LaneArrange.UnpackLowDoublewords>),
            Mnemonic.Packsswb => Joined<LaneArrange.PackSignedWords>(),
            Mnemonic.Packssdw => Joined<LaneArrange.PackSignedDoublewords>(),
            Mnemonic.Packuswb => Joined<LaneArrange.PackUnsignedWords>(),
            Mnemonic.Phaddw => Joined<LaneArrange.HorizontalAddWords>(),
            Mnemonic.Phaddd => Joined<LaneArrange.HorizontalAddDoublewords>(),
            Mnemonic.Phaddsw => Joined<LaneArrange.HorizontalAddSaturated>(),
            Mnemonic.Phsubw => Joined<LaneArrange.HorizontalSubtractWords>(),
            Mnemonic.Phsubd => Joined<LaneArrange.HorizontalSubtractDoublewords>(),
            Mnemonic.Phsubsw => Joined<LaneArrange.HorizontalSubtractSaturated>(),
            Mnemonic.Pshufb => Handler(&MmxHandlers.ShuffleBytes),
            Mnemonic.Pshufw => Handler(&MmxHandlers.ShuffleWords),
            Mnemonic.Palignr => Handler(&MmxHandlers.AlignRight),
            _ => LaneTable.FindShift<MmxForms>(instruction.Mnemonic, immediate),
        };
    }

    private static nint FindMove(in Instruction instruction)
    {
        var toMemory = instruction.OpCount > 0 && instruction.Op0Kind == OpKind.Memory;
        return instruction.Code switch
        {
            Code.Emms => Handler(&MmxMoveHandlers.Empty),
            Code.Movd_mm_rm32 => Handler(&MmxMoveHandlers.Load<uint>),
            Code.Movq_mm_rm64 or Code.Movq_mm_mmm64 => Handler(&MmxMoveHandlers.Load<ulong>),
            Code.Movd_rm32_mm => toMemory ? Handler(&MmxMoveHandlers.Store<uint>) : Handler(&MmxMoveHandlers.ToGeneral<uint>),
            Code.Movq_rm64_mm => toMemory ? Handler(&MmxMoveHandlers.Store<ulong>) : Handler(&MmxMoveHandlers.ToGeneral<ulong>),
            Code.Movq_mmm64_mm => toMemory ? Handler(&MmxMoveHandlers.Store<ulong>) : Handler(&MmxMoveHandlers.Load<ulong>),
            Code.Movntq_m64_mm => Handler(&MmxMoveHandlers.Store<ulong>),
            Code.Maskmovq_rDI_mm_mm => Handler(&MmxMoveHandlers.StoreMasked),
            Code.Pmovmskb_r32_mm or Code.Pmovmskb_r64_mm => Handler(&MmxMoveHandlers.SignMask),
            Code.Pinsrw_mm_r32m16_imm8 or Code.Pinsrw_mm_r64m16_imm8 => Handler(&MmxMoveHandlers.InsertWord),
            Code.Pextrw_r32_mm_imm8 or Code.Pextrw_r64_mm_imm8 => Handler(&MmxMoveHandlers.ExtractWord),
            Code.Movq2dq_xmm_mm => Handler(&MmxMoveHandlers.ToVector),
            Code.Movdq2q_mm_xmm => Handler(&MmxMoveHandlers.FromVector),
            Code.Cvtpi2ps_xmm_mmm64 => Handler(&MmxMoveHandlers.ConvertToVector<PackedConversion.IntegerPairToSingles>),
            Code.Cvtpi2pd_xmm_mmm64 => Handler(&MmxMoveHandlers.ConvertToVector<PackedConversion.IntegersToDoubles>),
            Code.Cvtps2pi_mm_xmmm64 => Handler(&MmxMoveHandlers.ConvertFromSingles<PackedConversion.ToIntegers<float>>),
            Code.Cvttps2pi_mm_xmmm64 => Handler(&MmxMoveHandlers.ConvertFromSingles<PackedConversion.Truncate<float>>),
            Code.Cvtpd2pi_mm_xmmm128 => Handler(&MmxMoveHandlers.ConvertFromDoubles<PackedConversion.ToIntegers<double>>),
            Code.Cvttpd2pi_mm_xmmm128 => Handler(&MmxMoveHandlers.ConvertFromDoubles<PackedConversion.Truncate<double>>),
            _ => 0,
        };
    }

    private static nint Joined<TOperation>()
        where TOperation : struct, IVectorBinary => Handler(&MmxHandlers.Joined<TOperation>);
}
