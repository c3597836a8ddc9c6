using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Floating-point operations and conversions on XMM registers.</summary>
internal static unsafe class SseFloatLowering
{
    public static nint Find(in Instruction instruction)
    {
        var target = FloatTable.Find<SseForms>(instruction.Mnemonic);
        return target != 0 ? target : FindByCode(instruction.Code);
    }

    private static nint FindByCode(Code code) => code switch
    {
        Code.Cmpss_xmm_xmmm32_imm8 => Handler(&FloatCompareHandlers.Scalar<float>),
        Code.Cmpsd_xmm_xmmm64_imm8 => Handler(&FloatCompareHandlers.Scalar<double>),
        Code.Cmpps_xmm_xmmm128_imm8 => Handler(&FloatCompareHandlers.Packed<float>),
        Code.Cmppd_xmm_xmmm128_imm8 => Handler(&FloatCompareHandlers.Packed<double>),
        Code.Cvtsi2ss_xmm_rm32 => Handler(&ConversionHandlers.ScalarFromInteger<float, int>),
        Code.Cvtsi2ss_xmm_rm64 => Handler(&ConversionHandlers.ScalarFromInteger<float, long>),
        Code.Cvtsi2sd_xmm_rm32 => Handler(&ConversionHandlers.ScalarFromInteger<double, int>),
        Code.Cvtsi2sd_xmm_rm64 => Handler(&ConversionHandlers.ScalarFromInteger<double, long>),
        Code.Cvtss2si_r32_xmmm32 => Handler(&ConversionHandlers.ScalarToInteger<float, int>),
        Code.Cvtss2si_r64_xmmm32 => Handler(&ConversionHandlers.ScalarToInteger<float, long>),
        Code.Cvtsd2si_r32_xmmm64 => Handler(&ConversionHandlers.ScalarToInteger<double, int>),
        Code.Cvtsd2si_r64_xmmm64 => Handler(&ConversionHandlers.ScalarToInteger<double, long>),
        Code.Cvttss2si_r32_xmmm32 => Handler(&ConversionHandlers.ScalarTruncate<float, int>),
        Code.Cvttss2si_r64_xmmm32 => Handler(&ConversionHandlers.ScalarTruncate<float, long>),
        Code.Cvttsd2si_r32_xmmm64 => Handler(&ConversionHandlers.ScalarTruncate<double, int>),
        Code.Cvttsd2si_r64_xmmm64 => Handler(&ConversionHandlers.ScalarTruncate<double, long>),
        Code.Cvtss2sd_xmm_xmmm32 => Handler(&ConversionHandlers.ScalarWiden),
        Code.Cvtsd2ss_xmm_xmmm64 => Handler(&ConversionHandlers.ScalarNarrow),
        Code.Cvtps2pd_xmm_xmmm64 => Handler(&ConversionHandlers.PackedHalf<PackedConversion.SinglesToDoubles>),
        Code.Cvtpd2ps_xmm_xmmm128 => Handler(&ConversionHandlers.Packed<PackedConversion.DoublesToSingles>),
        Code.Cvtdq2ps_xmm_xmmm128 => Handler(&ConversionHandlers.Packed<PackedConversion.IntegersToSingles>),
        Code.Cvtdq2pd_xmm_xmmm64 => Handler(&ConversionHandlers.PackedHalf<PackedConversion.IntegersToDoubles>),
        Code.Cvtps2dq_xmm_xmmm128 => Handler(&ConversionHandlers.Packed<PackedConversion.ToIntegers<float>>),
        Code.Cvttps2dq_xmm_xmmm128 => Handler(&ConversionHandlers.Packed<PackedConversion.Truncate<float>>),
        Code.Cvtpd2dq_xmm_xmmm128 => Handler(&ConversionHandlers.Packed<PackedConversion.ToIntegers<double>>),
        Code.Cvttpd2dq_xmm_xmmm128 => Handler(&ConversionHandlers.Packed<PackedConversion.Truncate<double>>),
        Code.Cvtpi2pd_xmm_mmm64 => Handler(&ConversionHandlers.PackedHalf<PackedConversion.IntegersToDoubles>),
        _ => 0,
    };
}
