using Iced.Intel;
using Add = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.Add>;
using Divide = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.Divide>;
using Multiply = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.Multiply>;
using SquareRoot = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.SquareRoot>;
using Subtract = Vivarium.X86.RoundedOperation<Vivarium.X86.FloatLaneArithmetic.Subtract>;

namespace Vivarium.X86;

/// <summary>Floating-point operations whose forms differ by nothing but their registers.</summary>
internal static class FloatTable
{
    public static nint Find<TForms>(Mnemonic mnemonic)
        where TForms : struct, IFloatForms => mnemonic switch
        {
            Mnemonic.Addss or Mnemonic.Vaddss => TForms.Scalar<Add, float>(),
            Mnemonic.Addsd or Mnemonic.Vaddsd => TForms.Scalar<Add, double>(),
            Mnemonic.Addps or Mnemonic.Vaddps => TForms.Packed<Add, float>(),
            Mnemonic.Addpd or Mnemonic.Vaddpd => TForms.Packed<Add, double>(),
            Mnemonic.Subss or Mnemonic.Vsubss => TForms.Scalar<Subtract, float>(),
            Mnemonic.Subsd or Mnemonic.Vsubsd => TForms.Scalar<Subtract, double>(),
            Mnemonic.Subps or Mnemonic.Vsubps => TForms.Packed<Subtract, float>(),
            Mnemonic.Subpd or Mnemonic.Vsubpd => TForms.Packed<Subtract, double>(),
            Mnemonic.Mulss or Mnemonic.Vmulss => TForms.Scalar<Multiply, float>(),
            Mnemonic.Mulsd or Mnemonic.Vmulsd => TForms.Scalar<Multiply, double>(),
            Mnemonic.Mulps or Mnemonic.Vmulps => TForms.Packed<Multiply, float>(),
            Mnemonic.Mulpd or Mnemonic.Vmulpd => TForms.Packed<Multiply, double>(),
            Mnemonic.Divss or Mnemonic.Vdivss => TForms.Scalar<Divide, float>(),
            Mnemonic.Divsd or Mnemonic.Vdivsd => TForms.Scalar<Divide, double>(),
            Mnemonic.Divps or Mnemonic.Vdivps => TForms.Packed<Divide, float>(),
            Mnemonic.Divpd or Mnemonic.Vdivpd => TForms.Packed<Divide, double>(),
            Mnemonic.Sqrtss or Mnemonic.Vsqrtss => TForms.Scalar<SquareRoot, float>(),
            Mnemonic.Sqrtsd or Mnemonic.Vsqrtsd => TForms.Scalar<SquareRoot, double>(),
            Mnemonic.Sqrtps or Mnemonic.Vsqrtps => TForms.Packed<SquareRoot, float>(),
            Mnemonic.Sqrtpd or Mnemonic.Vsqrtpd => TForms.Packed<SquareRoot, double>(),
            Mnemonic.Minss or Mnemonic.Vminss => TForms.Scalar<MinimumOperation, float>(),
            Mnemonic.Minsd or Mnemonic.Vminsd => TForms.Scalar<MinimumOperation, double>(),
            Mnemonic.Minps or Mnemonic.Vminps => TForms.Packed<MinimumOperation, float>(),
            Mnemonic.Minpd or Mnemonic.Vminpd => TForms.Packed<MinimumOperation, double>(),
            Mnemonic.Maxss or Mnemonic.Vmaxss => TForms.Scalar<MaximumOperation, float>(),
            Mnemonic.Maxsd or Mnemonic.Vmaxsd => TForms.Scalar<MaximumOperation, double>(),
            Mnemonic.Maxps or Mnemonic.Vmaxps => TForms.Packed<MaximumOperation, float>(),
            Mnemonic.Maxpd or Mnemonic.Vmaxpd => TForms.Packed<MaximumOperation, double>(),
            Mnemonic.Haddps or Mnemonic.Vhaddps => TForms.Horizontal<Add, float>(),
            Mnemonic.Haddpd or Mnemonic.Vhaddpd => TForms.Horizontal<Add, double>(),
            Mnemonic.Hsubps or Mnemonic.Vhsubps => TForms.Horizontal<Subtract, float>(),
            Mnemonic.Hsubpd or Mnemonic.Vhsubpd => TForms.Horizontal<Subtract, double>(),
            Mnemonic.Addsubps or Mnemonic.Vaddsubps => TForms.AddSubtract<float>(),
            Mnemonic.Addsubpd or Mnemonic.Vaddsubpd => TForms.AddSubtract<double>(),
            Mnemonic.Dpps or Mnemonic.Vdpps => TForms.DotProduct<float>(),
            Mnemonic.Dppd or Mnemonic.Vdppd => TForms.DotProduct<double>(),
            Mnemonic.Rcpss or Mnemonic.Vrcpss => TForms.ReciprocalScalar(),
            Mnemonic.Rsqrtss or Mnemonic.Vrsqrtss => TForms.ReciprocalSquareRootScalar(),
            Mnemonic.Rcpps or Mnemonic.Vrcpps => TForms.Convert<PackedConversion.Reciprocals>(),
            Mnemonic.Rsqrtps or Mnemonic.Vrsqrtps => TForms.Convert<PackedConversion.ReciprocalSquareRoots>(),
            Mnemonic.Roundss or Mnemonic.Vroundss => TForms.RoundScalar<float>(),
            Mnemonic.Roundsd or Mnemonic.Vroundsd => TForms.RoundScalar<double>(),
            Mnemonic.Roundps or Mnemonic.Vroundps => TForms.RoundPacked<float>(),
            Mnemonic.Roundpd or Mnemonic.Vroundpd => TForms.RoundPacked<double>(),
            Mnemonic.Comiss or Mnemonic.Vcomiss => TForms.Ordered<float>(),
            Mnemonic.Comisd or Mnemonic.Vcomisd => TForms.Ordered<double>(),
            Mnemonic.Ucomiss or Mnemonic.Vucomiss => TForms.Unordered<float>(),
            Mnemonic.Ucomisd or Mnemonic.Vucomisd => TForms.Unordered<double>(),
            _ => 0,
        };
}
