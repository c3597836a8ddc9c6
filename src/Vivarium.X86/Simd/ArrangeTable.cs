using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Operations that move values between lanes, for XMM and YMM registers.</summary>
internal static class ArrangeTable
{
    public static nint Find<TForms>(Mnemonic mnemonic)
        where TForms : struct, IVectorForms => mnemonic switch
        {
            Mnemonic.Punpcklbw or Mnemonic.Vpunpcklbw => TForms.Binary<LaneArrange.UnpackLowBytes>(),
            Mnemonic.Punpckhbw or Mnemonic.Vpunpckhbw => TForms.Binary<LaneArrange.UnpackHighBytes>(),
            Mnemonic.Punpcklwd or Mnemonic.Vpunpcklwd => TForms.Binary<LaneArrange.UnpackLowWords>(),
            Mnemonic.Punpckhwd or Mnemonic.Vpunpckhwd => TForms.Binary<LaneArrange.UnpackHighWords>(),
            Mnemonic.Punpckldq or Mnemonic.Unpcklps or Mnemonic.Vpunpckldq or Mnemonic.Vunpcklps => TForms.Binary<LaneArrange.UnpackLowDoublewords>(),
            Mnemonic.Punpckhdq or Mnemonic.Unpckhps or Mnemonic.Vpunpckhdq or Mnemonic.Vunpckhps => TForms.Binary<LaneArrange.UnpackHighDoublewords>(),
            Mnemonic.Punpcklqdq or Mnemonic.Unpcklpd or Mnemonic.Vpunpcklqdq or Mnemonic.Vunpcklpd => TForms.Binary<LaneArrange.UnpackLowQuadwords>(),
            Mnemonic.Punpckhqdq or Mnemonic.Unpckhpd or Mnemonic.Vpunpckhqdq or Mnemonic.Vunpckhpd => TForms.Binary<LaneArrange.UnpackHighQuadwords>(),
            Mnemonic.Packsswb or Mnemonic.Vpacksswb => TForms.Binary<LaneArrange.PackSignedWords>(),
            Mnemonic.Packssdw or Mnemonic.Vpackssdw => TForms.Binary<LaneArrange.PackSignedDoublewords>(),
            Mnemonic.Packuswb or Mnemonic.Vpackuswb => TForms.Binary<LaneArrange.PackUnsignedWords>(),
            Mnemonic.Packusdw or Mnemonic.Vpackusdw => TForms.Binary<LaneArrange.PackUnsignedDoublewords>(),
            Mnemonic.Phaddw or Mnemonic.Vphaddw => TForms.Binary<LaneArrange.HorizontalAddWords>(),
            Mnemonic.Phaddd or Mnemonic.Vphaddd => TForms.Binary<LaneArrange.HorizontalAddDoublewords>(),
            Mnemonic.Phaddsw or Mnemonic.Vphaddsw => TForms.Binary<LaneArrange.HorizontalAddSaturated>(),
            Mnemonic.Phsubw or Mnemonic.Vphsubw => TForms.Binary<LaneArrange.HorizontalSubtractWords>(),
            Mnemonic.Phsubd or Mnemonic.Vphsubd => TForms.Binary<LaneArrange.HorizontalSubtractDoublewords>(),
            Mnemonic.Phsubsw or Mnemonic.Vphsubsw => TForms.Binary<LaneArrange.HorizontalSubtractSaturated>(),
            Mnemonic.Phminposuw or Mnemonic.Vphminposuw => TForms.Binary<LaneArrange.MinimumPosition>(),
            Mnemonic.Pshufb or Mnemonic.Vpshufb => TForms.Binary<LaneShuffle.Bytes>(),
            Mnemonic.Pshufd or Mnemonic.Vpshufd => TForms.Immediate<LaneShuffle.Doublewords>(),
            Mnemonic.Pshuflw or Mnemonic.Vpshuflw => TForms.Immediate<LaneShuffle.LowWords>(),
            Mnemonic.Pshufhw or Mnemonic.Vpshufhw => TForms.Immediate<LaneShuffle.HighWords>(),
            Mnemonic.Shufps or Mnemonic.Vshufps => TForms.Immediate<LaneShuffle.Singles>(),
            Mnemonic.Shufpd or Mnemonic.Vshufpd => TForms.Immediate<LaneShuffle.Doubles>(),
            Mnemonic.Palignr or Mnemonic.Vpalignr => TForms.Immediate<LaneShuffle.AlignRight>(),
            Mnemonic.Pblendw or Mnemonic.Vpblendw => TForms.Immediate<LaneShuffle.BlendWords>(),
            Mnemonic.Blendps or Mnemonic.Vblendps => TForms.Immediate<LaneShuffle.BlendSingles>(),
            Mnemonic.Blendpd or Mnemonic.Vblendpd => TForms.Immediate<LaneShuffle.BlendDoubles>(),
            Mnemonic.Mpsadbw or Mnemonic.Vmpsadbw => TForms.Immediate<LaneShuffle.MultipleSums>(),
            Mnemonic.Pblendvb or Mnemonic.Vpblendvb => TForms.Blend<LaneShuffle.BlendBySign<sbyte>>(),
            Mnemonic.Blendvps or Mnemonic.Vblendvps => TForms.Blend<LaneShuffle.BlendBySign<int>>(),
            Mnemonic.Blendvpd or Mnemonic.Vblendvpd => TForms.Blend<LaneShuffle.BlendBySign<long>>(),
            Mnemonic.Ptest or Mnemonic.Vptest => TForms.Test(),
            Mnemonic.Pmovsxbw or Mnemonic.Vpmovsxbw => TForms.Extend<LaneExtend.SignBytesToWords, ulong>(),
            Mnemonic.Pmovsxbd or Mnemonic.Vpmovsxbd => TForms.Extend<LaneExtend.SignBytesToDoublewords, uint>(),
            Mnemonic.Pmovsxbq or Mnemonic.Vpmovsxbq => TForms.Extend<LaneExtend.SignBytesToQuadwords, ushort>(),
            Mnemonic.Pmovsxwd or Mnemonic.Vpmovsxwd => TForms.Extend<LaneExtend.SignWordsToDoublewords, ulong>(),
            Mnemonic.Pmovsxwq or Mnemonic.Vpmovsxwq => TForms.Extend<LaneExtend.SignWordsToQuadwords, uint>(),
            Mnemonic.Pmovsxdq or Mnemonic.Vpmovsxdq => TForms.Extend<LaneExtend.SignDoublewordsToQuadwords, ulong>(),
            Mnemonic.Pmovzxbw or Mnemonic.Vpmovzxbw => TForms.Extend<LaneExtend.ZeroBytesToWords, ulong>(),
            Mnemonic.Pmovzxbd or Mnemonic.Vpmovzxbd => TForms.Extend<LaneExtend.ZeroBytesToDoublewords, uint>(),
            Mnemonic.Pmovzxbq or Mnemonic.Vpmovzxbq => TForms.Extend<LaneExtend.ZeroBytesToQuadwords, ushort>(),
            Mnemonic.Pmovzxwd or Mnemonic.Vpmovzxwd => TForms.Extend<LaneExtend.ZeroWordsToDoublewords, ulong>(),
            Mnemonic.Pmovzxwq or Mnemonic.Vpmovzxwq => TForms.Extend<LaneExtend.ZeroWordsToQuadwords, uint>(),
            Mnemonic.Pmovzxdq or Mnemonic.Vpmovzxdq => TForms.Extend<LaneExtend.ZeroDoublewordsToQuadwords, ulong>(),
            _ => 0,
        };
}
