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

    /// <summary>VRCPPS ymm0, ymm1; VRSQRTPS ymm0, ymm1; VRCPSS xmm0, xmm2, xmm1: the same approximations in every form.</summary>
    [Theory]
    [InlineData(new byte[] { 0xC5, 0xFC, 0x53, 0xC1 }, 8, false)]
    [InlineData(new byte[] { 0xC5, 0xF8, 0x53, 0xC1 }, 4, false)]
    [InlineData(new byte[] { 0xC5, 0xFC, 0x52, 0xC1 }, 8, true)]
    [InlineData(new byte[] { 0xC5, 0xEA, 0x53, 0xC1 }, 1, false)]
    [InlineData(new byte[] { 0xC5, 0xEA, 0x52, 0xC1 }, 1, true)]
    public unsafe void VexForms(byte[] code, int lanes, bool root)
    {
        using var machine = new MemoryMachine();
        machine.State->Xcr0 = 7;
        var operands = new Operands(lanes);
        var registers = new Span<float>(machine.State->Vector, 3 * 16);
        foreach (ref var lane in registers)
        {
            lane = BitConverter.UInt32BitsToSingle(operands.Single());
        }

        Assert.Null(machine.Run(code));
        for (var i = 0; i < 8; i++)
        {
            var source = registers[16 + i];
            var expected = i < lanes ? root ? FloatConversion.ReciprocalSquareRoot(source) : FloatConversion.Reciprocal(source)
                : lanes == 1 && i < 4 ? registers[32 + i] : 0;
            Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(registers[i]));
        }
    }

    private static void AssertClose(double expected, float actual) =>
        Assert.True(Math.Abs((actual - expected) / expected) <= MaxRelativeError, $"{actual} for {expected}");
}
