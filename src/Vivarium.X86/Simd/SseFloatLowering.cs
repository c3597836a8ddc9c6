using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;
using Add = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.Add>;
using Divide = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.Divide>;
using Multiply = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.Multiply>;
using SquareRoot = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.SquareRoot>;
using Subtract = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.Subtract>;

namespace Vivarium.X86;

/// <summary>Floating-point operations and conversions on XMM registers.</summary>
internal static unsafe class SseFloatLowering
{
    public static nint Find(in Instruction instruction)
    {
        var target = FindArithmetic(instruction.Mnemonic);
        return target != 0 ? target : FindByCode(instruction.Code);
    }

    private static nint FindArithmetic(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Addss => Handler(&FloatHandlers.Scalar<Add, float>),
        Mnemonic.Addsd => Handler(&FloatHandlers.Scalar<Add, double>),
        Mnemonic.Addps => Handler(&FloatHandlers.Packed<Add, float>),
        Mnemonic.Addpd => Handler(&FloatHandlers.Packed<Add, double>),
        Mnemonic.Subss => Handler(&FloatHandlers.Scalar<Subtract, float>),
        Mnemonic.Subsd => Handler(&FloatHandlers.Scalar<Subtract, double>),
        Mnemonic.Subps => Handler(&FloatHandlers.Packed<Subtract, float>),
        Mnemonic.Subpd => Handler(&FloatHandlers.Packed<Subtract, double>),
        Mnemonic.Mulss => Handler(&FloatHandlers.Scalar<Multiply, float>),
        Mnemonic.Mulsd => Handler(&FloatHandlers.Scalar<Multiply, double>),
        Mnemonic.Mulps => Handler(&FloatHandlers.Packed<Multiply, float>),
        Mnemonic.Mulpd => Handler(&FloatHandlers.Packed<Multiply, double>),
        Mnemonic.Divss => Handler(&FloatHandlers.Scalar<Divide, float>),
        Mnemonic.Divsd => Handler(&FloatHandlers.Scalar<Divide, double>),
        Mnemonic.Divps => Handler(&FloatHandlers.Packed<Divide, float>),
        Mnemonic.Divpd => Handler(&FloatHandlers.Packed<Divide, double>),
        Mnemonic.Sqrtss => Handler(&FloatHandlers.Scalar<SquareRoot, float>),
        Mnemonic.Sqrtsd => Handler(&FloatHandlers.Scalar<SquareRoot, double>),
        Mnemonic.Sqrtps => Handler(&FloatHandlers.Packed<SquareRoot, float>),
        Mnemonic.Sqrtpd => Handler(&FloatHandlers.Packed<SquareRoot, double>),
        Mnemonic.Minss => Handler(&FloatHandlers.Scalar<MinimumOperation, float>),
        Mnemonic.Minsd => Handler(&FloatHandlers.Scalar<MinimumOperation, double>),
        Mnemonic.Minps => Handler(&FloatHandlers.Packed<MinimumOperation, float>),
        Mnemonic.Minpd => Handler(&FloatHandlers.Packed<MinimumOperation, double>),
        Mnemonic.Maxss => Handler(&FloatHandlers.Scalar<MaximumOperation, float>),
        Mnemonic.Maxsd => Handler(&FloatHandlers.Scalar<MaximumOperation, double>),
        Mnemonic.Maxps => Handler(&FloatHandlers.Packed<MaximumOperation, float>),
        Mnemonic.Maxpd => Handler(&FloatHandlers.Packed<MaximumOperation, double>),
        Mnemonic.Haddps => Handler(&FloatHandlers.Horizontal<Add, float>),
        Mnemonic.Haddpd => Handler(&FloatHandlers.Horizontal<Add, double>),
        Mnemonic.Hsubps => Handler(&FloatHandlers.Horizontal<Subtract, float>),
        Mnemonic.Hsubpd => Handler(&FloatHandlers.Horizontal<Subtract, double>),
        Mnemonic.Addsubps => Handler(&FloatHandlers.AddSubtract<float>),
        Mnemonic.Addsubpd => Handler(&FloatHandlers.AddSubtract<double>),
        Mnemonic.Dpps => Handler(&FloatHandlers.DotProduct<float>),
        Mnemonic.Dppd => Handler(&FloatHandlers.DotProduct<double>),
        Mnemonic.Rcpss => Handler(&ConversionHandlers.ReciprocalScalar),
        Mnemonic.Rsqrtss => Handler(&ConversionHandlers.ReciprocalSquareRootScalar),
        Mnemonic.Rcpps => Handler(&ConversionHandlers.Packed<PackedConversion.Reciprocals>),
        Mnemonic.Rsqrtps => Handler(&ConversionHandlers.Packed<PackedConversion.ReciprocalSquareRoots>),
        Mnemonic.Roundss => Handler(&ConversionHandlers.RoundScalar<float>),
        Mnemonic.Roundsd => Handler(&ConversionHandlers.RoundScalar<double>),
        Mnemonic.Roundps => Handler(&ConversionHandlers.RoundPacked<float>),
        Mnemonic.Roundpd => Handler(&ConversionHandlers.RoundPacked<double>),
        Mnemonic.Comiss => Handler(&FloatCompareHandlers.Ordered<float>),
        Mnemonic.Comisd => Handler(&FloatCompareHandlers.Ordered<double>),
        Mnemonic.Ucomiss => Handler(&FloatCompareHandlers.Unordered<float>),
        Mnemonic.Ucomisd => Handler(&FloatCompareHandlers.Unordered<double>),
        _ => 0,
    };

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
