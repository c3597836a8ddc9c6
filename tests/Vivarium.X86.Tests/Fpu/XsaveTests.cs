namespace Vivarium.X86.Tests;

/// <summary>The layout of XSAVE areas, and which components count as in use.</summary>
public sealed unsafe class XsaveTests
{
    private const ulong Legacy = XsaveLayout.X87Bit | XsaveLayout.SseBit;

    [Theory]
    [InlineData(Legacy, 576, 576)]
    [InlineData(Legacy | XsaveLayout.AvxBit, 832, 832)]
    [InlineData(Legacy | XsaveLayout.PkruBit, 2696, 584)]
    [InlineData(Legacy | XsaveLayout.AvxBit | XsaveLayout.PkruBit, 2696, 840)]
    public void SizesFollowTheComponents(ulong components, int standard, int compacted)
    {
        Assert.Equal(standard, XsaveLayout.StandardBytes(components));
        Assert.Equal(compacted, XsaveLayout.CompactedBytes(components));
    }

    [Theory]
    [InlineData(1UL, true)]
    [InlineData(3UL, true)]
    [InlineData(0x203UL, true)]
    [InlineData(0UL, false)]
    [InlineData(2UL, false)]
    [InlineData(7UL, false)]
    public void Xcr0MustBeConsistentAndSupported(ulong value, bool valid) =>
        Assert.Equal(valid, XsaveLayout.IsValidXcr0(value, Legacy | XsaveLayout.PkruBit));

    [Fact]
    public void AvxNeedsSse() => Assert.False(XsaveLayout.IsValidXcr0(XsaveLayout.X87Bit | XsaveLayout.AvxBit, 7));

    [Fact]
    public void ComponentsAreInUseOnceTheyDifferFromTheirInitialState()
    {
        using var machine = new EmulatedMachine();
        var state = machine.State;
        XsaveImage.InitializeX87(state);
        Assert.Equal(0UL, XsaveImage.InUse(state));
        FxImage.Xmm(state, 15)[15] = 1;
        Assert.Equal(XsaveLayout.SseBit, XsaveImage.InUse(state));
        FxImage.YmmHigh(state, 0)[0] = 1;
        Assert.Equal(XsaveLayout.SseBit | XsaveLayout.AvxBit, XsaveImage.InUse(state));
        state->Pkru = 4;
        X87Unit.Push(state, Float80.DefaultNaN);
        Assert.Equal(XsaveLayout.X87Bit | XsaveLayout.SseBit | XsaveLayout.AvxBit | XsaveLayout.PkruBit, XsaveImage.InUse(state));
    }

    [Fact]
    public void ImagesRestoreWhatTheyStored()
    {
        using var machine = new EmulatedMachine();
        using var input = new NativeState();
        using var output = new NativeState();
        var operands = new Operands(20);
        for (var repetition = 0; repetition < 200; repetition++)
        {
            X87States.Randomise(input, operands);
            operands.Vector(input.Xmm(repetition & 15));
            machine.Load(input);
            machine.Store(output);
            Assert.Null(X87States.Difference(input, output));
            Assert.True(input.Xmm(repetition & 15).SequenceEqual(output.Xmm(repetition & 15)));
        }
    }
}
