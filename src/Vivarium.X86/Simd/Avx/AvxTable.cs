using System.Runtime.Intrinsics;
using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Operations that only VEX encodings have, and the cryptographic and string ones, which have no form of 256 bits.</summary>
internal static unsafe class AvxTable
{
    public static nint Find<TLength>(in Instruction instruction)
        where TLength : struct, IVectorLength
    {
        var target = FindPermute<TLength>(instruction);
        if (target == 0)
        {
            target = FindMasked<TLength>(instruction);
        }

        return target != 0 ? target : FindCryptography(instruction.Mnemonic);
    }

    private static nint FindPermute<TLength>(in Instruction instruction)
        where TLength : struct, IVectorLength
    {
        var byImmediate = instruction.Op2Kind == OpKind.Immediate8;
        return instruction.Mnemonic switch
        {
            Mnemonic.Vpermilps => byImmediate ? Immediate<LaneShuffle.Doublewords, TLength>() : Binary<LanePermute.Singles, TLength>(),
            Mnemonic.Vpermilpd => byImmediate ? Immediate<LanePermute.DoublesImmediate, TLength>() : Binary<LanePermute.Doubles, TLength>(),
            Mnemonic.Vpblendd => Immediate<LaneShuffle.BlendSingles, TLength>(),
            Mnemonic.Vpsllvd => Binary<LanePermute.ShiftLeft<uint>, TLength>(),
            Mnemonic.Vpsllvq => Binary<LanePermute.ShiftLeft<ulong>, TLength>(),
            Mnemonic.Vpsrlvd => Binary<LanePermute.ShiftRight<uint>, TLength>(),
            Mnemonic.Vpsrlvq => Binary<LanePermute.ShiftRight<ulong>, TLength>(),
            Mnemonic.Vpsravd => Binary<LanePermute.ShiftRightArithmetic, TLength>(),
            Mnemonic.Vtestps => Handler(&AvxHandlers.Test<SingleSigns, TLength>),
            Mnemonic.Vtestpd => Handler(&AvxHandlers.Test<DoubleSigns, TLength>),
            Mnemonic.Vbroadcastss or Mnemonic.Vpbroadcastd => Handler(&AvxArrangeHandlers.Broadcast<uint, TLength>),
            Mnemonic.Vbroadcastsd or Mnemonic.Vpbroadcastq => Handler(&AvxArrangeHandlers.Broadcast<ulong, TLength>),
            Mnemonic.Vpbroadcastb => Handler(&AvxArrangeHandlers.Broadcast<byte, TLength>),
            Mnemonic.Vpbroadcastw => Handler(&AvxArrangeHandlers.Broadcast<ushort, TLength>),
            Mnemonic.Vbroadcastf128 or Mnemonic.Vbroadcasti128 => Handler(&AvxArrangeHandlers.Broadcast<Vector128<byte>, TLength>),
            Mnemonic.Vpermd or Mnemonic.Vpermps => Handler(&AvxArrangeHandlers.PermuteDoublewords),
            Mnemonic.Vpermq or Mnemonic.Vpermpd => Handler(&AvxArrangeHandlers.PermuteQuadwords),
            Mnemonic.Vperm2f128 or Mnemonic.Vperm2i128 => Handler(&AvxArrangeHandlers.PermuteHalves),
            Mnemonic.Vinsertf128 or Mnemonic.Vinserti128 => Handler(&AvxArrangeHandlers.InsertHalf),
            Mnemonic.Vextractf128 or Mnemonic.Vextracti128 => instruction.Op0Kind == OpKind.Memory
                ? Handler(&AvxArrangeHandlers.ExtractHalfToMemory)
                : Handler(&AvxArrangeHandlers.ExtractHalf),
            Mnemonic.Vzeroupper => Handler(&AvxHandlers.ZeroUpper),
            Mnemonic.Vzeroall => Handler(&AvxHandlers.ZeroAll),
            _ => 0,
        };
    }

    private static nint FindMasked<TLength>(in Instruction instruction)
        where TLength : struct, IVectorLength
    {
        var toMemory = instruction.Op0Kind == OpKind.Memory;
        return instruction.Mnemonic switch
        {
            Mnemonic.Vmaskmovps or Mnemonic.Vpmaskmovd =>
                toMemory ? Handler(&AvxMaskedHandlers.Store<uint, TLength>) : Handler(&AvxMaskedHandlers.Load<uint, TLength>),
            Mnemonic.Vmaskmovpd or Mnemonic.Vpmaskmovq =>
                toMemory ? Handler(&AvxMaskedHandlers.Store<ulong, TLength>) : Handler(&AvxMaskedHandlers.Load<ulong, TLength>),
            Mnemonic.Vgatherdps or Mnemonic.Vpgatherdd => Handler(&GatherHandlers.Gather<uint, int, TLength>),
            Mnemonic.Vgatherdpd or Mnemonic.Vpgatherdq => Handler(&GatherHandlers.Gather<ulong, int, TLength>),
            Mnemonic.Vgatherqpd or Mnemonic.Vpgatherqq => Handler(&GatherHandlers.Gather<ulong, long, TLength>),
            Mnemonic.Vgatherqps or Mnemonic.Vpgatherqd => instruction.MemoryIndex.IsYMM()
                ? Handler(&GatherHandlers.Gather<uint, long, Length256>)
                : Handler(&GatherHandlers.Gather<uint, long, Length128>),
            _ => 0,
        };
    }

    private static nint FindCryptography(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Vaesenc => Binary<AesOperations.Encrypt, Length128>(),
        Mnemonic.Vaesenclast => Binary<AesOperations.EncryptLast, Length128>(),
        Mnemonic.Vaesdec => Binary<AesOperations.Decrypt, Length128>(),
        Mnemonic.Vaesdeclast => Binary<AesOperations.DecryptLast, Length128>(),
        Mnemonic.Vaesimc => Binary<AesOperations.InverseMix, Length128>(),
        Mnemonic.Vaeskeygenassist => Immediate<AesOperations.KeyGenerationAssist, Length128>(),
        Mnemonic.Vpclmulqdq => Immediate<CarrylessMultiply, Length128>(),
        Mnemonic.Vpcmpistri => Handler(&AvxStringHandlers.ImplicitIndex),
        Mnemonic.Vpcmpistrm => Handler(&AvxStringHandlers.ImplicitMask),
        Mnemonic.Vpcmpestri or Mnemonic.Vpcmpestri64 => Handler(&AvxStringHandlers.ExplicitIndex),
        Mnemonic.Vpcmpestrm or Mnemonic.Vpcmpestrm64 => Handler(&AvxStringHandlers.ExplicitMask),
        _ => 0,
    };

    private static nint Binary<TOperation, TLength>()
        where TOperation : struct, IVectorBinary
        where TLength : struct, IVectorLength => Handler(&AvxHandlers.Binary<TOperation, TLength>);

    private static nint Immediate<TOperation, TLength>()
        where TOperation : struct, IVectorImmediate
        where TLength : struct, IVectorLength => Handler(&AvxHandlers.Immediate<TOperation, TLength>);
}
