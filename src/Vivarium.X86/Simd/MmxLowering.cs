using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Instructions with an MMX operand.</summary>
internal static unsafe class MmxLowering
{
    public static nint Find(in Instruction instruction)
    {
        var target = FindLane(instruction.Mnemonic);
        if (target == 0)
        {
            target = FindArrange(instruction);
        }

        return target != 0 ? target : FindMove(instruction);
    }

    private static nint FindLane(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Paddb => Lane<LaneArithmetic.Add<byte>>(),
        Mnemonic.Paddw => Lane<LaneArithmetic.Add<ushort>>(),
        Mnemonic.Paddd => Lane<LaneArithmetic.Add<uint>>(),
        Mnemonic.Paddq => Lane<LaneArithmetic.Add<ulong>>(),
        Mnemonic.Psubb => Lane<LaneArithmetic.Subtract<byte>>(),
        Mnemonic.Psubw => Lane<LaneArithmetic.Subtract<ushort>>(),
        Mnemonic.Psubd => Lane<LaneArithmetic.Subtract<uint>>(),
        Mnemonic.Psubq => Lane<LaneArithmetic.Subtract<ulong>>(),
        Mnemonic.Paddsb => Lane<LaneArithmetic.AddSaturated<sbyte>>(),
        Mnemonic.Paddsw => Lane<LaneArithmetic.AddSaturated<short>>(),
        Mnemonic.Paddusb => Lane<LaneArithmetic.AddSaturated<byte>>(),
        Mnemonic.Paddusw => Lane<LaneArithmetic.AddSaturated<ushort>>(),
        Mnemonic.Psubsb => Lane<LaneArithmetic.SubtractSaturated<sbyte>>(),
        Mnemonic.Psubsw => Lane<LaneArithmetic.SubtractSaturated<short>>(),
        Mnemonic.Psubusb => Lane<LaneArithmetic.SubtractSaturated<byte>>(),
        Mnemonic.Psubusw => Lane<LaneArithmetic.SubtractSaturated<ushort>>(),
        Mnemonic.Pand => Lane<LaneArithmetic.And>(),
        Mnemonic.Pandn => Lane<LaneArithmetic.AndNot>(),
        Mnemonic.Por => Lane<LaneArithmetic.Or>(),
        Mnemonic.Pxor => Lane<LaneArithmetic.Xor>(),
        Mnemonic.Pcmpeqb => Lane<LaneArithmetic.Equal<byte>>(),
        Mnemonic.Pcmpeqw => Lane<LaneArithmetic.Equal<ushort>>(),
        Mnemonic.Pcmpeqd => Lane<LaneArithmetic.Equal<uint>>(),
        Mnemonic.Pcmpgtb => Lane<LaneArithmetic.Greater<sbyte>>(),
        Mnemonic.Pcmpgtw => Lane<LaneArithmetic.Greater<short>>(),
        Mnemonic.Pcmpgtd => Lane<LaneArithmetic.Greater<int>>(),
        Mnemonic.Pavgb => Lane<LaneArithmetic.Average<byte>>(),
        Mnemonic.Pavgw => Lane<LaneArithmetic.Average<ushort>>(),
        Mnemonic.Pminub => Lane<LaneArithmetic.Minimum<byte>>(),
        Mnemonic.Pminsw => Lane<LaneArithmetic.Minimum<short>>(),
        Mnemonic.Pmaxub => Lane<LaneArithmetic.Maximum<byte>>(),
        Mnemonic.Pmaxsw => Lane<LaneArithmetic.Maximum<short>>(),
        Mnemonic.Pabsb => Lane<LaneArithmetic.Absolute<sbyte>>(),
        Mnemonic.Pabsw => Lane<LaneArithmetic.Absolute<short>>(),
        Mnemonic.Pabsd => Lane<LaneArithmetic.Absolute<int>>(),
        Mnemonic.Psignb => Lane<LaneArithmetic.Sign<sbyte>>(),
        Mnemonic.Psignw => Lane<LaneArithmetic.Sign<short>>(),
        Mnemonic.Psignd => Lane<LaneArithmetic.Sign<int>>(),
        Mnemonic.Pmullw => Lane<LaneMultiply.MultiplyLow<ushort>>(),
        Mnemonic.Pmulhw => Lane<LaneMultiply.MultiplyHighSigned>(),
        Mnemonic.Pmulhuw => Lane<LaneMultiply.MultiplyHighUnsigned>(),
        Mnemonic.Pmulhrsw => Lane<LaneMultiply.MultiplyHighRounded>(),
        Mnemonic.Pmaddwd => Lane<LaneMultiply.MultiplyAddWords>(),
        Mnemonic.Pmaddubsw => Lane<LaneMultiply.MultiplyAddBytes>(),
        Mnemonic.Pmuludq => Lane<LaneMultiply.MultiplyEvenUnsigned>(),
        Mnemonic.Psadbw => Lane<LaneMultiply.SumOfDifferences>(),
        _ => 0,
    };

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
            Mnemonic.Psllw => Shift<LaneShift.Left<ushort>>(immediate),
            Mnemonic.Pslld => Shift<LaneShift.Left<uint>>(immediate),
            Mnemonic.Psllq => Shift<LaneShift.Left<ulong>>(immediate),
            Mnemonic.Psrlw => Shift<LaneShift.Right<ushort>>(immediate),
            Mnemonic.Psrld => Shift<LaneShift.Right<uint>>(immediate),
            Mnemonic.Psrlq => Shift<LaneShift.Right<ulong>>(immediate),
            Mnemonic.Psraw => Shift<LaneShift.RightArithmetic<short>>(immediate),
            Mnemonic.Psrad => Shift<LaneShift.RightArithmetic<int>>(immediate),
            _ => 0,
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

    private static nint Lane<TOperation>()
        where TOperation : struct, IVectorBinary => Handler(&MmxHandlers.Binary<TOperation>);

    private static nint Joined<TOperation>()
        where TOperation : struct, IVectorBinary => Handler(&MmxHandlers.Joined<TOperation>);

    private static nint Shift<TOperation>(bool immediate)
        where TOperation : struct, IVectorShift =>
        immediate ? Handler(&MmxHandlers.ShiftByImmediate<TOperation>) : Handler(&MmxHandlers.ShiftByRegister<TOperation>);
}
