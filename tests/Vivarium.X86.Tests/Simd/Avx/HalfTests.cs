using System.Runtime.Intrinsics;

namespace Vivarium.X86.Tests;

/// <summary>F16C on every half, and the exceptions of narrowing.</summary>
public sealed class HalfTests
{
    private const uint Masked = 0x1F80;

    [Fact]
    public void EveryHalfWidensExactlyAndBack()
    {
        for (var bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var half = BitConverter.UInt16BitsToHalf((ushort)bits);
            var status = FloatStatus.FromMxcsr(Masked);
            var single = HalfConversion.ToSingles.Convert(default, Vector128.Create((ushort)bits).AsByte(), Masked, ref status).AsUInt32()[3];
            var isSignaling = Half.IsNaN(half) && (bits & 0x200) == 0;
            var expected = Half.IsNaN(half)
                ? ((uint)(bits & 0x8000) << 16) | 0x7FC0_0000 | ((uint)(bits & 0x3FF) << 13)
                : BitConverter.SingleToUInt32Bits((float)half);
            Assert.Equal((expected, isSignaling ? FloatFlags.Invalid : 0), (single, status.Flags));

            status = HalfConversion.Status(Masked, 0);
            var back = (ushort)HalfConversion.Narrow(Vector128.Create(single).AsSingle(), ref status);
            Assert.Equal((isSignaling ? bits | 0x200 : bits, 0u), (back, status.Flags & ~FloatFlags.Denormal));
        }
    }

    [Theory]
    [InlineData(0x477FF000u, 0, 0x7C00, FloatFlags.Overflow | FloatFlags.Precision)]
    [InlineData(0x477FEFFFu, 0, 0x7BFF, FloatFlags.Precision)]
    [InlineData(0x477FF000u, 3, 0x7BFF, FloatFlags.Precision)]
    [InlineData(0x47800000u, 3, 0x7BFF, FloatFlags.Overflow | FloatFlags.Precision)]
    [InlineData(0x33000000u, 0, 0, FloatFlags.Underflow | FloatFlags.Precision)]
    [InlineData(0x33000000u, 2, 1, FloatFlags.Underflow | FloatFlags.Precision)]
    [InlineData(0x33800000u, 0, 1, 0u)]
    [InlineData(0x387FFFFFu, 0, 0x0400, FloatFlags.Precision)]
    [InlineData(0x387FC000u, 3, 0x03FF, 0u)]
    [InlineData(0x00000001u, 0, 0, FloatFlags.Denormal | FloatFlags.Underflow | FloatFlags.Precision)]
    [InlineData(0x7F800001u, 0, 0x7E00, FloatFlags.Invalid)]
    public void NarrowingRoundsAndReports(uint single, int immediate, int expected, uint flags)
    {
        // FTZ does not apply.
        var status = HalfConversion.Status(Masked | FloatStatus.MxcsrFlushToZero, (byte)immediate);
        var result = (ushort)HalfConversion.Narrow(Vector128.CreateScalar(single).AsSingle(), ref status);
        Assert.Equal((expected, flags), (result, status.Flags));
    }

    [Fact]
    public void TheImmediateMayDeferToMxcsr()
    {
        var status = HalfConversion.Status(Masked | (2u << FloatStatus.MxcsrRoundingShift), 7);
        Assert.Equal(0x3C01UL, HalfConversion.Narrow(Vector128.CreateScalar(1.0001f), ref status));
    }
}
