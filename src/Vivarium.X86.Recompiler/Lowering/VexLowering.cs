using Iced.Intel;

namespace Vivarium.X86;

/// <summary>
/// The allow-list of VEX-encoded vector instructions: all of some feature sets run as themselves, but for those that access memory by masks
/// or indices, where a lookup of one address does not do.
/// </summary>
internal static class VexLowering
{
    public static LoweringKind Of(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Vmovaps or Mnemonic.Vmovapd or Mnemonic.Vmovdqa or Mnemonic.Vmovntps or Mnemonic.Vmovntpd or Mnemonic.Vmovntdq or Mnemonic.Vmovntdqa
            => LoweringKind.AlignedVector,
        Mnemonic.Vmaskmovps or Mnemonic.Vmaskmovpd or Mnemonic.Vpmaskmovd or Mnemonic.Vpmaskmovq or Mnemonic.Vmaskmovdqu
            or Mnemonic.Vgatherdps or Mnemonic.Vgatherdpd or Mnemonic.Vgatherqps or Mnemonic.Vgatherqpd
            or Mnemonic.Vpgatherdd or Mnemonic.Vpgatherdq or Mnemonic.Vpgatherqd or Mnemonic.Vpgatherqq => LoweringKind.Interpret,
        Mnemonic.Vldmxcsr => LoweringKind.LoadMxcsr,
        Mnemonic.Vzeroupper or Mnemonic.Vzeroall => LoweringKind.ClearVectors,
        _ => IsVector(instruction) ? LoweringKind.Vector : LoweringKind.Interpret,
    };

    private static bool IsVector(in Instruction instruction)
    {
        foreach (var feature in instruction.CpuidFeatures)
        {
            if (feature is not (CpuidFeature.AVX or CpuidFeature.AVX2 or CpuidFeature.FMA or CpuidFeature.F16C or CpuidFeature.AES or CpuidFeature.PCLMULQDQ))
            {
                return false;
            }
        }

        return true;
    }
}
