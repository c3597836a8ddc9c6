using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Comparisons and conversions in VEX encoding, whose forms need more than a mnemonic to tell.</summary>
internal static unsafe class AvxFloatLowering
{
    public static nint Find(in Instruction instruction)
    {
        var target = FindPacked(instruction.Code);
        return target != 0 ? target : FindScalar(instruction.Code);
    }

    private static nint FindPacked(Code code) => code switch
    {
        Code.VEX_Vcmpps_xmm_xmm_xmmm128_imm8 => Handler(&AvxFloatHandlers.ComparePacked<float, Length128>),
        Code.VEX_Vcmppd_xmm_xmm_xmmm128_imm8 => Handler(&AvxFloatHandlers.ComparePacked<double, Length128>),
        Code.VEX_Vcvtdq2ps_xmm_xmmm128 => Handler(&AvxConversionHandlers.Packed<PackedConversion.IntegersToSingles, Length128>),
        Code.VEX_Vcvtps2dq_xmm_xmmm128 => Handler(&AvxConversionHandlers.Packed<PackedConversion.ToIntegers<float>, Length128>),
        Code.VEX_Vcvttps2dq_xmm_xmmm128 => Handler(&AvxConversionHandlers.Packed<PackedConversion.Truncate<float>, Length128>),
        Code.VEX_Vcvtps2pd_xmm_xmmm64 => Handler(&AvxConversionHandlers.Widen<PackedConversion.SinglesToDoubles, Length128>),
        Code.VEX_Vcvtdq2pd_xmm_xmmm64 => Handler(&AvxConversionHandlers.Widen<PackedConversion.IntegersToDoubles, Length128>),
        Code.VEX_Vcvtph2ps_xmm_xmmm64 => Handler(&AvxConversionHandlers.Widen<HalfConversion.ToSingles, Length128>),
        Code.VEX_Vcvtps2ph_xmmm64_xmm_imm8 => Handler(&AvxConversionHandlers.ToHalves<Length128>),
        Code.VEX_Vcmpps_ymm_ymm_ymmm256_imm8 => Handler(&AvxFloatHandlers.ComparePacked<float, Length256>),
        Code.VEX_Vcmppd_ymm_ymm_ymmm256_imm8 => Handler(&AvxFloatHandlers.ComparePacked<double, Length256>),
        Code.VEX_Vcvtdq2ps_ymm_ymmm256 => Handler(&AvxConversionHandlers.Packed<PackedConversion.IntegersToSingles, Length256>),
        Code.VEX_Vcvtps2dq_ymm_ymmm256 => Handler(&AvxConversionHandlers.Packed<PackedConversion.ToIntegers<float>, Length256>),
        Code.VEX_Vcvttps2dq_ymm_ymmm256 => Handler(&AvxConversionHandlers.Packed<PackedConversion.Truncate<float>, Length256>),
        Code.VEX_Vcvtps2pd_ymm_xmmm128 => Handler(&AvxConversionHandlers.Widen<PackedConversion.SinglesToDoubles, Length256>),
        Code.VEX_Vcvtdq2pd_ymm_xmmm128 => Handler(&AvxConversionHandlers.Widen<PackedConversion.IntegersToDoubles, Length256>),
        Code.VEX_Vcvtph2ps_ymm_xmmm128 => Handler(&AvxConversionHandlers.Widen<HalfConversion.ToSingles, Length256>),
        Code.VEX_Vcvtps2ph_xmmm128_ymm_imm8 => Handler(&AvxConversionHandlers.ToHalves<Length256>),
        Code.VEX_Vcvtpd2ps_xmm_xmmm128 => Handler(&AvxConversionHandlers.Packed<PackedConversion.DoublesToSingles, Length128>),
        Code.VEX_Vcvtpd2ps_xmm_ymmm256 => Handler(&AvxConversionHandlers.Narrow<PackedConversion.DoublesToSingles>),
        Code.VEX_Vcvtpd2dq_xmm_xmmm128 => Handler(&AvxConversionHandlers.Packed<PackedConversion.ToIntegers<double>, Length128>),
        Code.VEX_Vcvtpd2dq_xmm_ymmm256 => Handler(&AvxConversionHandlers.Narrow<PackedConversion.ToIntegers<double>>),
        Code.VEX_Vcvttpd2dq_xmm_xmmm128 => Handler(&AvxConversionHandlers.Packed<PackedConversion.Truncate<double>, Length128>),
        Code.VEX_Vcvttpd2dq_xmm_ymmm256 => Handler(&AvxConversionHandlers.Narrow<PackedConversion.Truncate<double>>),
        _ => 0,
    };

    private static nint FindScalar(Code code) => code switch
    {
        Code.VEX_Vcmpss_xmm_xmm_xmmm32_imm8 => Handler(&AvxFloatHandlers.CompareScalar<float>),
        Code.VEX_Vcmpsd_xmm_xmm_xmmm64_imm8 => Handler(&AvxFloatHandlers.CompareScalar<double>),
        Code.VEX_Vcvtsi2ss_xmm_xmm_rm32 => Handler(&AvxConversionHandlers.ScalarFromInteger<float, int>),
        Code.VEX_Vcvtss2si_r32_xmmm32 => Handler(&AvxConversionHandlers.ScalarToInteger<float, int>),
        Code.VEX_Vcvttss2si_r32_xmmm32 => Handler(&AvxConversionHandlers.ScalarTruncate<float, int>),
        Code.VEX_Vcvtsi2ss_xmm_xmm_rm64 => Handler(&AvxConversionHandlers.ScalarFromInteger<float, long>),
        Code.VEX_Vcvtss2si_r64_xmmm32 => Handler(&AvxConversionHandlers.ScalarToInteger<float, long>),
        Code.VEX_Vcvttss2si_r64_xmmm32 => Handler(&AvxConversionHandlers.ScalarTruncate<float, long>),
        Code.VEX_Vcvtsi2sd_xmm_xmm_rm32 => Handler(&AvxConversionHandlers.ScalarFromInteger<double, int>),
        Code.VEX_Vcvtsd2si_r32_xmmm64 => Handler(&AvxConversionHandlers.ScalarToInteger<double, int>),
        Code.VEX_Vcvttsd2si_r32_xmmm64 => Handler(&AvxConversionHandlers.ScalarTruncate<double, int>),
        Code.VEX_Vcvtsi2sd_xmm_xmm_rm64 => Handler(&AvxConversionHandlers.ScalarFromInteger<double, long>),
        Code.VEX_Vcvtsd2si_r64_xmmm64 => Handler(&AvxConversionHandlers.ScalarToInteger<double, long>),
        Code.VEX_Vcvttsd2si_r64_xmmm64 => Handler(&AvxConversionHandlers.ScalarTruncate<double, long>),
        Code.VEX_Vcvtss2sd_xmm_xmm_xmmm32 => Handler(&AvxConversionHandlers.ScalarWiden),
        Code.VEX_Vcvtsd2ss_xmm_xmm_xmmm64 => Handler(&AvxConversionHandlers.ScalarNarrow),
        _ => 0,
    };
}
