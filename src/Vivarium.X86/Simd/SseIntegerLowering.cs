using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Integer and bitwise operations on XMM registers.</summary>
internal static unsafe class SseIntegerLowering
{
    public static nint Find(in Instruction instruction)
    {
        var target = FindLane(instruction.Mnemonic);
        if (target == 0)
        {
            target = FindArrange(instruction.Mnemonic);
        }

        return target != 0 ? target : FindShift(instruction);
    }

    private static nint FindLane(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Paddb => Binary<LaneArithmetic.Add<byte>>(),
        Mnemonic.Paddw => Binary<LaneArithmetic.Add<ushort>>(),
        Mnemonic.Paddd => Binary<LaneArithmetic.Add<uint>>(),
        Mnemonic.Paddq => Binary<LaneArithmetic.Add<ulong>>(),
        Mnemonic.Psubb => Binary<LaneArithmetic.Subtract<byte>>(),
        Mnemonic.Psubw => Binary<LaneArithmetic.Subtract<ushort>>(),
        Mnemonic.Psubd => Binary<LaneArithmetic.Subtract<uint>>(),
        Mnemonic.Psubq => Binary<LaneArithmetic.Subtract<ulong>>(),
        Mnemonic.Paddsb => Binary<LaneArithmetic.AddSaturated<sbyte>>(),
        Mnemonic.Paddsw => Binary<LaneArithmetic.AddSaturated<short>>(),
        Mnemonic.Paddusb => Binary<LaneArithmetic.AddSaturated<byte>>(),
        Mnemonic.Paddusw => Binary<LaneArithmetic.AddSaturated<ushort>>(),
        Mnemonic.Psubsb => Binary<LaneArithmetic.SubtractSaturated<sbyte>>(),
        Mnemonic.Psubsw => Binary<LaneArithmetic.SubtractSaturated<short>>(),
        Mnemonic.Psubusb => Binary<LaneArithmetic.SubtractSaturated<byte>>(),
        Mnemonic.Psubusw => Binary<LaneArithmetic.SubtractSaturated<ushort>>(),
        Mnemonic.Pand or Mnemonic.Andps or Mnemonic.Andpd => Binary<LaneArithmetic.And>(),
        Mnemonic.Pandn or Mnemonic.Andnps or Mnemonic.Andnpd => Binary<LaneArithmetic.AndNot>(),
        Mnemonic.Por or Mnemonic.Orps or Mnemonic.Orpd => Binary<LaneArithmetic.Or>(),
        Mnemonic.Pxor or Mnemonic.Xorps or Mnemonic.Xorpd => Binary<LaneArithmetic.Xor>(),
        Mnemonic.Pcmpeqb => Binary<LaneArithmetic.Equal<byte>>(),
        Mnemonic.Pcmpeqw => Binary<LaneArithmetic.Equal<ushort>>(),
        Mnemonic.Pcmpeqd => Binary<LaneArithmetic.Equal<uint>>(),
        Mnemonic.Pcmpeqq => Binary<LaneArithmetic.Equal<ulong>>(),
        Mnemonic.Pcmpgtb => Binary<LaneArithmetic.Greater<sbyte>>(),
        Mnemonic.Pcmpgtw => Binary<LaneArithmetic.Greater<short>>(),
        Mnemonic.Pcmpgtd => Binary<LaneArithmetic.Greater<int>>(),
        Mnemonic.Pcmpgtq => Binary<LaneArithmetic.Greater<long>>(),
        Mnemonic.Pavgb => Binary<LaneArithmetic.Average<byte>>(),
        Mnemonic.Pavgw => Binary<LaneArithmetic.Average<ushort>>(),
        Mnemonic.Pminub => Binary<LaneArithmetic.Minimum<byte>>(),
        Mnemonic.Pminuw => Binary<LaneArithmetic.Minimum<ushort>>(),
        Mnemonic.Pminud => Binary<LaneArithmetic.Minimum<uint>>(),
        Mnemonic.Pminsb => Binary<LaneArithmetic.Minimum<sbyte>>(),
        Mnemonic.Pminsw => Binary<LaneArithmetic.Minimum<short>>(),
        Mnemonic.Pminsd => Binary<LaneArithmetic.Minimum<int>>(),
        Mnemonic.Pmaxub => Binary<LaneArithmetic.Maximum<byte>>(),
        Mnemonic.Pmaxuw => Binary<LaneArithmetic.Maximum<ushort>>(),
        Mnemonic.Pmaxud => Binary<LaneArithmetic.Maximum<uint>>(),
        Mnemonic.Pmaxsb => Binary<LaneArithmetic.Maximum<sbyte>>(),
        Mnemonic.Pmaxsw => Binary<LaneArithmetic.Maximum<short>>(),
        Mnemonic.Pmaxsd => Binary<LaneArithmetic.Maximum<int>>(),
        Mnemonic.Pabsb => Binary<LaneArithmetic.Absolute<sbyte>>(),
        Mnemonic.Pabsw => Binary<LaneArithmetic.Absolute<short>>(),
        Mnemonic.Pabsd => Binary<LaneArithmetic.Absolute<int>>(),
        Mnemonic.Psignb => Binary<LaneArithmetic.Sign<sbyte>>(),
        Mnemonic.Psignw => Binary<LaneArithmetic.Sign<short>>(),
        Mnemonic.Psignd => Binary<LaneArithmetic.Sign<int>>(),
        Mnemonic.Pmullw => Binary<LaneMultiply.MultiplyLow<ushort>>(),
        Mnemonic.Pmulld => Binary<LaneMultiply.MultiplyLow<uint>>(),
        Mnemonic.Pmulhw => Binary<LaneMultiply.MultiplyHighSigned>(),
        Mnemonic.Pmulhuw => Binary<LaneMultiply.MultiplyHighUnsigned>(),
        Mnemonic.Pmulhrsw => Binary<LaneMultiply.MultiplyHighRounded>(),
        Mnemonic.Pmaddwd => Binary<LaneMultiply.MultiplyAddWords>(),
        Mnemonic.Pmaddubsw => Binary<LaneMultiply.MultiplyAddBytes>(),
        Mnemonic.Pmuludq => Binary<LaneMultiply.MultiplyEvenUnsigned>(),
        Mnemonic.Pmuldq => Binary<LaneMultiply.MultiplyEvenSigned>(),
        Mnemonic.Psadbw => Binary<LaneMultiply.SumOfDifferences>(),
        _ => 0,
    };

    private static nint FindArrange(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Punpcklbw => Binary<LaneArrange.UnpackLowBytes>(),
        Mnemonic.Punpckhbw => Binary<LaneArrange.UnpackHighBytes>(),
        Mnemonic.Punpcklwd => Binary<LaneArrange.UnpackLowWords>(),
        Mnemonic.Punpckhwd => Binary<LaneArrange.UnpackHighWords>(),
        Mnemonic.Punpckldq or Mnemonic.Unpcklps => Binary<LaneArrange.UnpackLowDoublewords>(),
        Mnemonic.Punpckhdq or Mnemonic.Unpckhps => Binary<LaneArrange.UnpackHighDoublewords>(),
        Mnemonic.Punpcklqdq or Mnemonic.Unpcklpd => Binary<LaneArrange.UnpackLowQuadwords>(),
        Mnemonic.Punpckhqdq or Mnemonic.Unpckhpd => Binary<LaneArrange.UnpackHighQuadwords>(),
        Mnemonic.Packsswb => Binary<LaneArrange.PackSignedWords>(),
        Mnemonic.Packssdw => Binary<LaneArrange.PackSignedDoublewords>(),
        Mnemonic.Packuswb => Binary<LaneArrange.PackUnsignedWords>(),
        Mnemonic.Packusdw => Binary<LaneArrange.PackUnsignedDoublewords>(),
        Mnemonic.Phaddw => Binary<LaneArrange.HorizontalAddWords>(),
        Mnemonic.Phaddd => Binary<LaneArrange.HorizontalAddDoublewords>(),
        Mnemonic.Phaddsw => Binary<LaneArrange.HorizontalAddSaturated>(),
        Mnemonic.Phsubw => Binary<LaneArrange.HorizontalSubtractWords>(),
        Mnemonic.Phsubd => Binary<LaneArrange.HorizontalSubtractDoublewords>(),
        Mnemonic.Phsubsw => Binary<LaneArrange.HorizontalSubtractSaturated>(),
        Mnemonic.Phminposuw => Binary<LaneArrange.MinimumPosition>(),
        Mnemonic.Pshufb => Binary<LaneShuffle.Bytes>(),
        Mnemonic.Pshufd => Immediate<LaneShuffle.Doublewords>(),
        Mnemonic.Pshuflw => Immediate<LaneShuffle.LowWords>(),
        Mnemonic.Pshufhw => Immediate<LaneShuffle.HighWords>(),
        Mnemonic.Shufps => Immediate<LaneShuffle.Singles>(),
        Mnemonic.Shufpd => Immediate<LaneShuffle.Doubles>(),
        Mnemonic.Palignr => Immediate<LaneShuffle.AlignRight>(),
        Mnemonic.Pblendw => Immediate<LaneShuffle.BlendWords>(),
        Mnemonic.Blendps => Immediate<LaneShuffle.BlendSingles>(),
        Mnemonic.Blendpd => Immediate<LaneShuffle.BlendDoubles>(),
        Mnemonic.Mpsadbw => Immediate<LaneShuffle.MultipleSums>(),
        Mnemonic.Pblendvb => Handler(&VectorHandlers.WithXmm0<LaneShuffle.BlendBySign<sbyte>>),
        Mnemonic.Blendvps => Handler(&VectorHandlers.WithXmm0<LaneShuffle.BlendBySign<int>>),
        Mnemonic.Blendvpd => Handler(&VectorHandlers.WithXmm0<LaneShuffle.BlendBySign<long>>),
        Mnemonic.Ptest => Handler(&VectorHandlers.Test),
        Mnemonic.Pmovsxbw => Handler(&VectorHandlers.NarrowSource<LaneExtend.SignBytesToWords, ulong>),
        Mnemonic.Pmovsxbd => Handler(&VectorHandlers.NarrowSource<LaneExtend.SignBytesToDoublewords, uint>),
        Mnemonic.Pmovsxbq => Handler(&VectorHandlers.NarrowSource<LaneExtend.SignBytesToQuadwords, ushort>),
        Mnemonic.Pmovsxwd => Handler(&VectorHandlers.NarrowSource<LaneExtend.SignWordsToDoublewords, ulong>),
        Mnemonic.Pmovsxwq => Handler(&VectorHandlers.NarrowSource<LaneExtend.SignWordsToQuadwords, uint>),
        Mnemonic.Pmovsxdq => Handler(&VectorHandlers.NarrowSource<LaneExtend.SignDoublewordsToQuadwords, ulong>),
        Mnemonic.Pmovzxbw => Handler(&VectorHandlers.NarrowSource<LaneExtend.ZeroBytesToWords, ulong>),
        Mnemonic.Pmovzxbd => Handler(&VectorHandlers.NarrowSource<LaneExtend.ZeroBytesToDoublewords, uint>),
        Mnemonic.Pmovzxbq => Handler(&VectorHandlers.NarrowSource<LaneExtend.ZeroBytesToQuadwords, ushort>),
        Mnemonic.Pmovzxwd => Handler(&VectorHandlers.NarrowSource<LaneExtend.ZeroWordsToDoublewords, ulong>),
        Mnemonic.Pmovzxwq => Handler(&VectorHandlers.NarrowSource<LaneExtend.ZeroWordsToQuadwords, uint>),
        Mnemonic.Pmovzxdq => Handler(&VectorHandlers.NarrowSource<LaneExtend.ZeroDoublewordsToQuadwords, ulong>),
        _ => 0,
    };

    private static nint FindShift(in Instruction instruction)
    {
        var immediate = instruction.OpCount > 1 && instruction.Op1Kind == OpKind.Immediate8;
        return instruction.Mnemonic switch
        {
            Mnemonic.Psllw => Shift<LaneShift.Left<ushort>>(immediate),
            Mnemonic.Pslld => Shift<LaneShift.Left<uint>>(immediate),
            Mnemonic.Psllq => Shift<LaneShift.Left<ulong>>(immediate),
            Mnemonic.Psrlw => Shift<LaneShift.Right<ushort>>(immediate),
            Mnemonic.Psrld => Shift<LaneShift.Right<uint>>(immediate),
            Mnemonic.Psrlq => Shift<LaneShift.Right<ulong>>(immediate),
            Mnemonic.Psraw => Shift<LaneShift.RightArithmetic<short>>(immediate),
            Mnemonic.Psrad => Shift<LaneShift.RightArithmetic<int>>(immediate),
            Mnemonic.Pslldq => Shift<LaneShift.LeftBytes>(immediate),
            Mnemonic.Psrldq => Shift<LaneShift.RightBytes>(immediate),
            _ => 0,
        };
    }

    private static nint Shift<TOperation>(bool immediate)
        where TOperation : struct, IVectorShift =>
        immediate ? Handler(&VectorHandlers.ShiftByImmediate<TOperation>) : Handler(&VectorHandlers.ShiftByVector<TOperation>);
}
