using System.Runtime.Intrinsics;

namespace Vivarium.X86.Tests;

/// <summary>The software versions of what the host's instructions usually do, on published vectors.</summary>
public sealed class SoftwareFallbackTests
{
    private static readonly Vector128<byte> s_sample = Parse("7B5B54657374566563746F725D53475D");
    private static readonly Vector128<byte> s_sampleKey = Parse("48692853686179295B477565726F6E5D");
    private static readonly Vector128<byte> s_state = Parse("8DCAB9BC035006BC8F57161E00CAFD8D");
    private static readonly Vector128<byte> s_key = Parse("D635A667928B5EAEEEC9CC3BC55F5777");

    /// <summary>The vectors of Intel's AES-NI white paper (2010), most significant byte first.</summary>
    [Fact]
    public void EncryptionRound() => Assert.Equal(
        Parse("A8311C2F9FDBA3C58B104B58DED7E595"),
        AesTables.MixColumns(AesTables.SubstituteAndShift(s_sample)) ^ s_sampleKey);

    [Fact]
    public void DecryptionRound() => Assert.Equal(
        Parse("138AC342FAEA2787B58EB95EB730392A"),
        AesTables.InverseMixColumns(AesTables.InverseSubstituteAndShift(s_sample)) ^ s_sampleKey);

    [Fact]
    public void InverseColumnsUndoColumns() => Assert.Equal(s_state, AesTables.InverseMixColumns(AesTables.MixColumns(s_state)));

    [Fact]
    public void InverseSubstitutionUndoesSubstitution() => Assert.Equal(s_key, AesTables.InverseSubstituteAndShift(AesTables.SubstituteAndShift(s_key)));

    [Fact]
    public void CarrylessProduct() =>
        Assert.Equal(Vector128.Create(0x929633D5D36F0451UL, 0x1D4D84C85C3440C0UL).AsByte(), CarrylessMultiply.Multiply(0x63746F725D53475D, 0x5B477565726F6E5D));

    private static Vector128<byte> Parse(string hex) => Vector128.Create([.. Convert.FromHexString(hex).Reverse()]);
}
