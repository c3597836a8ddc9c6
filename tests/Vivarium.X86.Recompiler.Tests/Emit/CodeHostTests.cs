using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What emitted code may use is what the runtime finds too.</summary>
public sealed class CodeHostTests
{
    [Fact]
    public void AgreesWithTheRuntime()
    {
        Assert.SkipUnless(X86Base.X64.IsSupported, "Needs an x64 host.");
        Assert.Equal(
            (Sse3.IsSupported, Ssse3.IsSupported, Sse41.IsSupported, Sse42.IsSupported, Popcnt.IsSupported),
            (CodeHost.Has(CpuidFeature.SSE3), CodeHost.Has(CpuidFeature.SSSE3), CodeHost.Has(CpuidFeature.SSE4_1), CodeHost.Has(CpuidFeature.SSE4_2), CodeHost.Has(CpuidFeature.POPCNT)));
        Assert.Equal(
            (Aes.IsSupported, Pclmulqdq.IsSupported, Avx2.IsSupported, Fma.IsSupported),
            (CodeHost.Has(CpuidFeature.AES), CodeHost.Has(CpuidFeature.PCLMULQDQ), CodeHost.Has(CpuidFeature.AVX2), CodeHost.Has(CpuidFeature.FMA)));
        Assert.Equal(
            (Bmi1.IsSupported, Bmi2.IsSupported, Lzcnt.IsSupported),
            (CodeHost.Has(CpuidFeature.BMI1), CodeHost.Has(CpuidFeature.BMI2), CodeHost.Has(CpuidFeature.LZCNT)));
        Assert.False(CodeHost.Has(CpuidFeature.SVM));
    }
}
