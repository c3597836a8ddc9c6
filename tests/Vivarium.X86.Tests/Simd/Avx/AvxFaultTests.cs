using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>When VEX-encoded instructions fault, and what a fault leaves behind. Operands at [ebx].</summary>
public sealed unsafe class AvxFaultTests : IDisposable
{
    private const int Ebx = 3;
    private static readonly byte[] s_vaddps = [0xC5, 0xFC, 0x58, 0xC1];
    private static readonly byte[] s_vdivpd = [0xC5, 0xFD, 0x5E, 0xC1];
    private static readonly byte[] s_vpaddbLoad = [0xC5, 0xFD, 0xFC, 0x03];
    private static readonly byte[] s_vmovapsLoad128 = [0xC5, 0xF8, 0x28, 0x03];
    private static readonly byte[] s_vmovapsLoad256 = [0xC5, 0xFC, 0x28, 0x03];
    private static readonly byte[] s_vmovapsStore256 = [0xC5, 0xFC, 0x29, 0x03];
    private static readonly byte[] s_vmovntdqa = [0xC4, 0xE2, 0x7D, 0x2A, 0x03];
    private static readonly byte[] s_vmovupsLoad = [0xC5, 0xFC, 0x10, 0x03];
    private static readonly byte[] s_vzeroupper = [0xC5, 0xF8, 0x77];
    private static readonly byte[] s_vzeroall = [0xC5, 0xFC, 0x77];
    private static readonly byte[] s_vldmxcsr = [0xC5, 0xF8, 0xAE, 0x13];
    private readonly MemoryMachine _machine = new();

    public AvxFaultTests() => _machine.State->Xcr0 = 7;

    public void Dispose() => _machine.Dispose();

    /// <summary>CR0.EM and CR4.OSFXSR do not matter to VEX encodings; #UD comes before #NM.</summary>
    [Theory]
    [InlineData(0x31UL, 0x40600UL, 7UL, null)]
    [InlineData(0x35UL, 0x40000UL, 7UL, null)]
    [InlineData(0x31UL, 0x600UL, 7UL, (byte)ExceptionVector.InvalidOpcode)]
    [InlineData(0x31UL, 0x40600UL, 3UL, (byte)ExceptionVector.InvalidOpcode)]
    [InlineData(0x31UL, 0x40600UL, 1UL, (byte)ExceptionVector.InvalidOpcode)]
    [InlineData(0x39UL, 0x40600UL, 7UL, (byte)ExceptionVector.DeviceNotAvailable)]
    [InlineData(0x39UL, 0x600UL, 7UL, (byte)ExceptionVector.InvalidOpcode)]
    public void ControlRegistersForbid(ulong cr0, ulong cr4, ulong xcr0, byte? vector)
    {
        _machine.State->Cr0 = cr0;
        _machine.State->Cr4 = cr4;
        _machine.State->Xcr0 = xcr0;
        foreach (var code in (byte[][])[s_vaddps, s_vpaddbLoad, s_vmovupsLoad, s_vzeroupper, s_vldmxcsr])
        {
            _machine.State->Gpr[Ebx] = 0x1000;
            Assert.Equal((ExceptionVector?)vector, _machine.Run(code));
        }
    }

    /// <summary>VEX.L, VEX.vvvv and 16-bit addresses with a vector index that do not exist; gathers whose registers are not distinct.</summary>
    [Theory]
    [InlineData(32, new byte[] { 0xC5, 0xFC, 0x16, 0x03 })]
    [InlineData(32, new byte[] { 0xC5, 0xF0, 0x28, 0x03 })]
    [InlineData(32, new byte[] { 0xC4, 0xE2, 0x75, 0x1C, 0xC2 })]
    [InlineData(32, new byte[] { 0xC5, 0xFC, 0xAE, 0x13 })]
    [InlineData(32, new byte[] { 0xC4, 0xE2, 0xF9, 0x18, 0xC0 })]
    [InlineData(32, new byte[] { 0x67, 0xC4, 0xE2, 0x71, 0x90, 0x04 })]
    [InlineData(32, new byte[] { 0x66, 0xC5, 0xFC, 0x58, 0xC1 })]
    [InlineData(32, new byte[] { 0xF0, 0xC5, 0xFC, 0x58, 0xC1 })]
    [InlineData(64, new byte[] { 0x48, 0xC5, 0xFC, 0x58, 0xC1 })]
    [InlineData(64, new byte[] { 0xC4, 0xE2, 0x71, 0x90, 0x04, 0x07 })]
    [InlineData(64, new byte[] { 0xC4, 0xE2, 0x71, 0x90, 0x0C, 0x17 })]
    [InlineData(64, new byte[] { 0xC4, 0xE2, 0x71, 0x90, 0x04, 0x0F })]
    public void ReservedEncodings(int bits, byte[] code) => Assert.True(Decoder.Create(bits, code).Decode().IsInvalid);

    [Fact]
    public void OnlyAlignedMovesWantAlignment()
    {
        _machine.State->Gpr[Ebx] = 0x1001;
        Assert.Null(_machine.Run(s_vpaddbLoad));
        Assert.Null(_machine.Run(s_vmovupsLoad));
        Assert.Equal(ExceptionVector.GeneralProtection, _machine.Run(s_vmovapsLoad128));
        _machine.State->Gpr[Ebx] = 0x1010;
        Assert.Null(_machine.Run(s_vmovapsLoad128));
        foreach (var code in (byte[][])[s_vmovapsLoad256, s_vmovapsStore256, s_vmovntdqa])
        {
            _machine.State->Gpr[Ebx] = 0x1010;
            Assert.Equal(ExceptionVector.GeneralProtection, _machine.Run(code));
            _machine.State->Gpr[Ebx] = 0x1020;
            Assert.Null(_machine.Run(code));
        }
    }

    [Theory]
    [InlineData(0x40600UL, (byte)ExceptionVector.SimdFault)]
    [InlineData(0x40200UL, (byte)ExceptionVector.InvalidOpcode)]
    public void AnUnmaskedExceptionInTheUpperHalfKeepsTheWholeVector(ulong cr4, byte vector)
    {
        _machine.State->Cr4 = cr4;
        _machine.State->Mxcsr = FxImage.MxcsrDefault & ~(FloatFlags.ZeroDivide << FloatStatus.MxcsrMaskShift);
        BitConverter.TryWriteBytes(_machine.Xmm(0), 1d);
        BitConverter.TryWriteBytes(_machine.Xmm(1), 3d);
        BitConverter.TryWriteBytes(FxImage.YmmHigh(_machine.State, 0), 1d);
        Assert.Equal((ExceptionVector)vector, _machine.Run(s_vdivpd));
        Assert.Equal(1d, BitConverter.ToDouble(_machine.Xmm(0)));

        // The third lane divides by zero, the second and fourth are invalid: what was found before the operation is reported.
        Assert.Equal(FloatFlags.ZeroDivide | FloatFlags.Invalid, _machine.State->Mxcsr & FloatFlags.All);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ZeroingReachesTheRegistersOfTheMode(bool all)
    {
        for (var i = 0; i < 16; i++)
        {
            FxImage.Xmm(_machine.State, i).Fill(1);
            FxImage.YmmHigh(_machine.State, i).Fill(2);
        }

        Assert.Null(_machine.Run(all ? s_vzeroall : s_vzeroupper));
        for (var i = 0; i < 16; i++)
        {
            Assert.Equal(i < 8 && all ? 0 : 1, FxImage.Xmm(_machine.State, i)[0]);
            Assert.Equal(i < 8 ? 0 : 2, FxImage.YmmHigh(_machine.State, i)[15]);
        }
    }

    [Fact]
    public void ReservedBitsOfMxcsrFault()
    {
        _machine.State->Gpr[Ebx] = 0x2000;
        BitConverter.TryWriteBytes(_machine.At(0x2000), 0x11F80);
        Assert.Equal(ExceptionVector.GeneralProtection, _machine.Run(s_vldmxcsr));
    }
}
