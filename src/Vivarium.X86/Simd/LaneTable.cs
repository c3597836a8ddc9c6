using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Integer and bitwise operations that keep to their lane, for every register file.</summary>
internal static class LaneTable
{
    public static nint Find<TForms>(Mnemonic mnemonic)
        where TForms : struct, ILaneForms => mnemonic switch
        {
            Mnemonic.Paddb or Mnemonic.Vpaddb => TForms.Binary<LaneArithmetic.Add<byte>>(),
            Mnemonic.Paddw or Mnemonic.Vpaddw => TForms.Binary<LaneArithmetic.Add<ushort>>(),
            Mnemonic.Paddd or Mnemonic.Vpaddd => TForms.Binary<LaneArithmetic.Add<uint>>(),
            Mnemonic.Paddq or Mnemonic.Vpaddq => TForms.Binary<LaneArithmetic.Add<ulong>>(),
            Mnemonic.Psubb or Mnemonic.Vpsubb => TForms.Binary<LaneArithmetic.Subtract<byte>>(),
            Mnemonic.Psubw or Mnemonic.Vpsubw => TForms.Binary<LaneArithmetic.Subtract<ushort>>(),
            Mnemonic.Psubd or Mnemonic.Vpsubd => TForms.Binary<LaneArithmetic.Subtract<uint>>(),
            Mnemonic.Psubq or Mnemonic.Vpsubq => TForms.Binary<LaneArithmetic.Subtract<ulong>>(),
            Mnemonic.Paddsb or Mnemonic.Vpaddsb => TForms.Binary<LaneArithmetic.AddSaturated<sbyte>>(),
            Mnemonic.Paddsw or Mnemonic.Vpaddsw => TForms.Binary<LaneArithmetic.AddSaturated<short>>(),
            Mnemonic.Paddusb or Mnemonic.Vpaddusb => TForms.Binary<LaneArithmetic.AddSaturated<byte>>(),
            Mnemonic.Paddusw or Mnemonic.Vpaddusw => TForms.Binary<LaneArithmetic.AddSaturated<ushort>>(),
            Mnemonic.Psubsb or Mnemonic.Vpsubsb => TForms.Binary<LaneArithmetic.SubtractSaturated<sbyte>>(),
            Mnemonic.Psubsw or Mnemonic.Vpsubsw => TForms.Binary<LaneArithmetic.SubtractSaturated<short>>(),
            Mnemonic.Psubusb or Mnemonic.Vpsubusb => TForms.Binary<LaneArithmetic.SubtractSaturated<byte>>(),
            Mnemonic.Psubusw or Mnemonic.Vpsubusw => TForms.Binary<LaneArithmetic.SubtractSaturated<ushort>>(),
            Mnemonic.Pand or Mnemonic.Andps or Mnemonic.Andpd or Mnemonic.Vpand or Mnemonic.Vandps or Mnemonic.Vandpd => TForms.Binary<LaneArithmetic.And>(),
            Mnemonic.Pandn or Mnemonic.Andnps or Mnemonic.Andnpd or Mnemonic.Vpandn or Mnemonic.Vandnps or Mnemonic.Vandnpd => TForms.Binary<LaneArithmetic.AndNot>(),
            Mnemonic.Por or Mnemonic.Orps or Mnemonic.Orpd or Mnemonic.Vpor or Mnemonic.Vorps or Mnemonic.Vorpd => TForms.Binary<LaneArithmetic.Or>(),
            Mnemonic.Pxor or Mnemonic.Xorps or Mnemonic.Xorpd or Mnemonic.Vpxor or Mnemonic.Vxorps or Mnemonic.Vxorpd => TForms.Binary<LaneArithmetic.Xor>(),
            Mnemonic.Pcmpeqb or Mnemonic.Vpcmpeqb => TForms.Binary<LaneArithmetic.Equal<byte>>(),
            Mnemonic.Pcmpeqw or Mnemonic.Vpcmpeqw => TForms.Binary<LaneArithmetic.Equal<ushort>>(),
            Mnemonic.Pcmpeqd or Mnemonic.Vpcmpeqd => TForms.Binary<LaneArithmetic.Equal<uint>>(),
            Mnemonic.Pcmpeqq or Mnemonic.Vpcmpeqq => TForms.Binary<LaneArithmetic.Equal<ulong>>(),
            Mnemonic.Pcmpgtb or Mnemonic.Vpcmpgtb => TForms.Binary<LaneArithmetic.Greater<sbyte>>(),
            Mnemonic.Pcmpgtw or Mnemonic.Vpcmpgtw => TForms.Binary<LaneArithmetic.Greater<short>>(),
            Mnemonic.Pcmpgtd or Mnemonic.Vpcmpgtd => TForms.Binary<LaneArithmetic.Greater<int>>(),
            Mnemonic.Pcmpgtq or Mnemonic.Vpcmpgtq => TForms.Binary<LaneArithmetic.Greater<long>>(),
            Mnemonic.Pavgb or Mnemonic.Vpavgb => TForms.Binary<LaneArithmetic.Average<byte>>(),
            Mnemonic.Pavgw or Mnemonic.Vpavgw => TForms.Binary<LaneArithmetic.Average<ushort>>(),
            Mnemonic.Pminub or Mnemonic.Vpminub => TForms.Binary<LaneArithmetic.Minimum<byte>>(),
            Mnemonic.Pminuw or Mnemonic.Vpminuw => TForms.Binary<LaneArithmetic.Minimum<ushort>>(),
            Mnemonic.Pminud or Mnemonic.Vpminud => TForms.Binary<LaneArithmetic.Minimum<uint>>(),
            Mnemonic.Pminsb or Mnemonic.Vpminsb => TForms.Binary<LaneArithmetic.Minimum<sbyte>>(),
            Mnemonic.Pminsw or Mnemonic.Vpminsw => TForms.Binary<LaneArithmetic.Minimum<short>>(),
            Mnemonic.Pminsd or Mnemonic.Vpminsd => TForms.Binary<LaneArithmetic.Minimum<int>>(),
            Mnemonic.Pmaxub or Mnemonic.Vpmaxub => TForms.Binary<LaneArithmetic.Maximum<byte>>(),
            Mnemonic.Pmaxuw or Mnemonic.Vpmaxuw => TForms.Binary<LaneArithmetic.Maximum<ushort>>(),
            Mnemonic.Pmaxud or Mnemonic.Vpmaxud => TForms.Binary<LaneArithmetic.Maximum<uint>>(),
            Mnemonic.Pmaxsb or Mnemonic.Vpmaxsb => TForms.Binary<LaneArithmetic.Maximum<sbyte>>(),
            Mnemonic.Pmaxsw or Mnemonic.Vpmaxsw => TForms.Binary<LaneArithmetic.Maximum<short>>(),
            Mnemonic.Pmaxsd or Mnemonic.Vpmaxsd => TForms.Binary<LaneArithmetic.Maximum<int>>(),
            Mnemonic.Pabsb or Mnemonic.Vpabsb => TForms.Binary<LaneArithmetic.Absolute<sbyte>>(),
            Mnemonic.Pabsw or Mnemonic.Vpabsw => TForms.Binary<LaneArithmetic.Absolute<short>>(),
            Mnemonic.Pabsd or Mnemonic.Vpabsd => TForms.Binary<LaneArithmetic.Absolute<int>>(),
            Mnemonic.Psignb or Mnemonic.Vpsignb => TForms.Binary<LaneArithmetic.Sign<sbyte>>(),
            Mnemonic.Psignw or Mnemonic.Vpsignw => TForms.Binary<LaneArithmetic.Sign<short>>(),
            Mnemonic.Psignd or Mnemonic.Vpsignd => TForms.Binary<LaneArithmetic.Sign<int>>(),
            Mnemonic.Pmullw or Mnemonic.Vpmullw => TForms.Binary<LaneMultiply.MultiplyLow<ushort>>(),
            Mnemonic.Pmulld or Mnemonic.Vpmulld => TForms.Binary<LaneMultiply.MultiplyLow<uint>>(),
            Mnemonic.Pmulhw or Mnemonic.Vpmulhw => TForms.Binary<LaneMultiply.MultiplyHighSigned>(),
            Mnemonic.Pmulhuw or Mnemonic.Vpmulhuw => TForms.Binary<LaneMultiply.MultiplyHighUnsigned>(),
            Mnemonic.Pmulhrsw or Mnemonic.Vpmulhrsw => TForms.Binary<LaneMultiply.MultiplyHighRounded>(),
            Mnemonic.Pmaddwd or Mnemonic.Vpmaddwd => TForms.Binary<LaneMultiply.MultiplyAddWords>(),
            Mnemonic.Pmaddubsw or Mnemonic.Vpmaddubsw => TForms.Binary<LaneMultiply.MultiplyAddBytes>(),
            Mnemonic.Pmuludq or Mnemonic.Vpmuludq => TForms.Binary<LaneMultiply.MultiplyEvenUnsigned>(),
            Mnemonic.Pmuldq or Mnemonic.Vpmuldq => TForms.Binary<LaneMultiply.MultiplyEvenSigned>(),
            Mnemonic.Psadbw or Mnemonic.Vpsadbw => TForms.Binary<LaneMultiply.SumOfDifferences>(),
            _ => 0,
        };

    /// <summary>Shifts of all lanes by one count, in a register or an immediate.</summary>
    public static nint FindShift<TForms>(Mnemonic mnemonic, bool immediate)
        where TForms : struct, ILaneForms => mnemonic switch
        {
            Mnemonic.Psllw or Mnemonic.Vpsllw => TForms.Shift<LaneShift.Left<ushort>>(immediate),
            Mnemonic.Pslld or Mnemonic.Vpslld => TForms.Shift<LaneShift.Left<uint>>(immediate),
            Mnemonic.Psllq or Mnemonic.Vpsllq => TForms.Shift<LaneShift.Left<ulong>>(immediate),
            Mnemonic.Psrlw or Mnemonic.Vpsrlw => TForms.Shift<LaneShift.Right<ushort>>(immediate),
            Mnemonic.Psrld or Mnemonic.Vpsrld => TForms.Shift<LaneShift.Right<uint>>(immediate),
            Mnemonic.Psrlq or Mnemonic.Vpsrlq => TForms.Shift<LaneShift.Right<ulong>>(immediate),
            Mnemonic.Psraw or Mnemonic.Vpsraw => TForms.Shift<LaneShift.RightArithmetic<short>>(immediate),
            Mnemonic.Psrad or Mnemonic.Vpsrad => TForms.Shift<LaneShift.RightArithmetic<int>>(immediate),
            Mnemonic.Pslldq or Mnemonic.Vpslldq => TForms.Shift<LaneShift.LeftBytes>(immediate),
            Mnemonic.Psrldq or Mnemonic.Vpsrldq => TForms.Shift<LaneShift.RightBytes>(immediate),
            _ => 0,
        };
}
