using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>MXCSR after fused multiply-adds, case by case: VFMADD213SD xmm0, xmm1, xmm2 is xmm1 × xmm0 + xmm2.</summary>
public sealed unsafe class FusedFlagTests : IDisposable
{
    private const ulong One = 0x3FF0_0000_0000_0000;
    private const ulong Infinity = 0x7FF0_0000_0000_0000;
    private const ulong DefaultNaN = 0xFFF8_0000_0000_0000;
    private const ulong Quiet = 0x7FF8_0000_0000_1234;
    private const ulong Signaling = 0x7FF0_0000_0000_1234;
    private const ulong Largest = 0x7FEF_FFFF_FFFF_FFFF;
    private const ulong Smallest = 0x0010_0000_0000_0000;
    private const ulong Negative = 1UL << 63;
    private static readonly byte[] s_vfmadd213sd = [0xC4, 0xE2, 0xF1, 0xA8, 0xC2];
    private readonly MemoryMachine _machine = new();

    public FusedFlagTests() => _machine.State->Xcr0 = 7;

    public void Dispose() => _machine.Dispose();

    [Theory]
    [InlineData(One, One, One, 0x4000_0000_0000_0000UL, 0u)]

    // (1 + 2^-52)^2 - 1: exact product of 105 bits, rounded once.
    [InlineData(0x3FF0_0000_0000_0001UL, 0x3FF0_0000_0000_0001UL, One | Negative, 0x3CC0_0000_0000_0000UL, FloatFlags.Precision)]

    // (1 + 2^-52)(1 - 2^-52) - 1 = -2^-104: nothing is lost, where two roundings would give 0.
    [InlineData(0x3FF0_0000_0000_0001UL, 0x3FEF_FFFF_FFFF_FFFEUL, One | Negative, 0xB970_0000_0000_0000UL, 0u)]
    [InlineData(Infinity, 0UL, One, DefaultNaN, FloatFlags.Invalid)]

    // With a NaN as the addend the product does not matter.
    [InlineData(Infinity, 0UL, Quiet, Quiet, 0u)]
    [InlineData(Infinity, 0UL, Signaling, Quiet, FloatFlags.Invalid)]
    [InlineData(One, Infinity, Infinity | Negative, DefaultNaN, FloatFlags.Invalid)]
    [InlineData(One, Infinity, One, Infinity, 0u)]
    [InlineData(Largest, Largest, Infinity | Negative, Infinity | Negative, 0u)]
    [InlineData(Largest, 0x4000_0000_0000_0000UL, 0UL, Infinity, FloatFlags.Overflow | FloatFlags.Precision)]

    // 2 x largest - largest does not overflow on the way.
    [InlineData(Largest, 0x4000_0000_0000_0000UL, Largest | Negative, Largest, 0u)]
    [InlineData(1UL, One, 0UL, 1UL, FloatFlags.Denormal)]
    [InlineData(1UL, Quiet, One, Quiet, 0u)]

    // A denormal result that is exact is no underflow; one that is not is.
    [InlineData(Smallest, 0x3FE0_0000_0000_0000UL, 0UL, 0x0008_0000_0000_0000UL, 0u)]
    [InlineData(0x0010_0000_0000_0001UL, 0x3FE0_0000_0000_0000UL, 0UL, 0x0008_0000_0000_0000UL, FloatFlags.Underflow | FloatFlags.Precision)]

    // (1 - 2^-53)^2 x 2^-1022 is denormal after rounding.
    [InlineData(0x001F_FFFF_FFFF_FFFFUL, 0x3FDF_FFFF_FFFF_FFFFUL, 0UL, 0x000F_FFFF_FFFF_FFFFUL, FloatFlags.Underflow | FloatFlags.Precision)]

    // 2^-1022 - 2^-1075 has 53 bits, so it is tiny, although it becomes the smallest normal.
    [InlineData(0x3CA0_0000_0000_0000UL | Negative, Smallest, Smallest, Smallest, FloatFlags.Underflow | FloatFlags.Precision)]

    // 2^-1022 - 2^-1076 rounds to 2^-1022 in 53 bits: tiny before rounding only, which is no underflow.
    [InlineData(0x3C90_0000_0000_0000UL | Negative, Smallest, Smallest, Smallest, FloatFlags.Precision)]
    [InlineData(One, One, One | Negative, 0UL, 0u)]
    public void NearestMasked(ulong multiplier, ulong multiplicand, ulong addend, ulong expected, uint flags) =>
        Assert.Equal((expected, flags), Run(FxImage.MxcsrDefault, multiplier, multiplicand, addend));

    [Theory]
    [InlineData(0, 0UL)]
    [InlineData(1, Negative)]
    [InlineData(2, 0UL)]
    [InlineData(3, 0UL)]
    public void CancellationTakesItsSignFromTheRounding(int rounding, ulong expected) =>
        Assert.Equal((expected, 0u), Run(FxImage.MxcsrDefault | ((uint)rounding << FloatStatus.MxcsrRoundingShift), One, One, One | Negative));

    [Fact]
    public void DenormalsCountAsZeroWithDaz() =>
        Assert.Equal((One, 0u), Run(FxImage.MxcsrDefault | FloatStatus.MxcsrDenormalsAreZero, 1, Largest, One));

    [Fact]
    public void TinyResultsBecomeZeroWithFtz() => Assert.Equal(
        (Negative, FloatFlags.Underflow | FloatFlags.Precision),
        Run(FxImage.MxcsrDefault | FloatStatus.MxcsrFlushToZero, Smallest, 0xBFE0_0000_0000_0000, 0));

    [Fact]
    public void AnUnmaskedExceptionKeepsTheDestination()
    {
        _machine.State->Mxcsr = FxImage.MxcsrDefault & ~(FloatFlags.Precision << FloatStatus.MxcsrMaskShift);
        MemoryMarshal.Write(_machine.Xmm(0), 0x3FF0_0000_0000_0001UL);
        MemoryMarshal.Write(_machine.Xmm(1), 0x3FF0_0000_0000_0001UL);
        Assert.Equal(ExceptionVector.SimdFault, _machine.Run(s_vfmadd213sd));
        Assert.Equal(0x3FF0_0000_0000_0001UL, MemoryMarshal.Read<ulong>(_machine.Xmm(0)));
        Assert.Equal(FloatFlags.Precision, _machine.State->Mxcsr & FloatFlags.All);
    }

    private (ulong Result, uint Flags) Run(uint mxcsr, ulong multiplier, ulong multiplicand, ulong addend)
    {
        _machine.State->Mxcsr = mxcsr;
        MemoryMarshal.Write(_machine.Xmm(0), multiplicand);
        MemoryMarshal.Write(_machine.Xmm(1), multiplier);
        MemoryMarshal.Write(_machine.Xmm(2), addend);
        Assert.Null(_machine.Run(s_vfmadd213sd));
        return (MemoryMarshal.Read<ulong>(_machine.Xmm(0)), _machine.State->Mxcsr & FloatFlags.All);
    }
}
