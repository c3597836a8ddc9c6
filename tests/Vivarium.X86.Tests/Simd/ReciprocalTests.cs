namespace Vivarium.X86.Tests;

/// <summary>RCPSS and RSQRTSS: exact in their special cases, within the documented error elsewhere (Intel SDM Vol. 2B).</summary>
public sealed class ReciprocalTests
{
    private const double MaxRelativeError = 1.5 / 4096;

    [Fact]
    public void ReciprocalsAreCloseEnough()
    {
        var operands = new Operands(3);
        for (var i = 0; i < 20_000; i++)
        {
            var value = BitConverter.UInt32BitsToSingle(operands.Single());
            if (float.IsNormal(value) && Math.Abs(value) < 1e37)
            {
                AssertClose(1d / value, FloatConversion.Reciprocal(value));
                if (value > 0)
                {
                    AssertClose(1d / Math.Sqrt(value), FloatConversion.ReciprocalSquareRoot(value));
                }
            }
        }
    }

    [Theory]
    [InlineData(0x00000000u, 0x7F800000u)]
    [InlineData(0x80000001u, 0xFF800000u)]
    [InlineData(0x7F800000u, 0x00000000u)]
    [InlineData(0xFF800000u, 0x80000000u)]
    [InlineData(0x7F800001u, 0x7FC00001u)]
    [InlineData(0x7F7FFFFFu, 0x00000000u)]
    public void ReciprocalOfSpecialOperands(uint operand, uint expected) =>
        Assert.Equal(expected, (uint)FloatLane.Bits(FloatConversion.Reciprocal(BitConverter.UInt32BitsToSingle(operand))));

    [Theory]
    [InlineData(0x80000000u, 0xFF800000u)]
    [InlineData(0x00000001u, 0x7F800000u)]
    [InlineData(0x7F800000u, 0x00000000u)]
    [InlineData(0xBF800000u, 0xFFC00000u)]
    [InlineData(0xFF800000u, 0xFFC00000u)]
    [InlineData(0xFF812345u, 0xFFC12345u)]
    public void ReciprocalSquareRootOfSpecialOperands(uint operand, uint expected) =>
        Assert.Equal(expected, (uint)FloatLane.Bits(FloatConversion.ReciprocalSquareRoot(BitConverter.UInt32BitsToSingle(operand))));

    private static void AssertClose(double expected, float actual) =>
        Assert.True(Math.Abs((actual - expected) / expected) <= MaxRelativeError, $"{actual} for {expected}");
}
