using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>When SSE and MMX instructions fault, and what a fault leaves behind. Operands at [ebx].</summary>
public sealed unsafe class SseFaultTests : IDisposable
{
    private const int Ebx = 3;
    private static readonly byte[] s_divsd = [0xF2, 0x0F, 0x5E, 0xC1];
    private static readonly byte[] s_movapsLoad = [0x0F, 0x28, 0x03];
    private static readonly byte[] s_movupsLoad = [0x0F, 0x10, 0x03];
    private static readonly byte[] s_paddbMmx = [0x0F, 0xFC, 0xC1];
    private readonly MemoryMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Theory]
    [InlineData(0x35UL, 0x600UL, (byte)ExceptionVector.InvalidOpcode)]
    [InlineData(0x39UL, 0x600UL, (byte)ExceptionVector.DeviceNotAvailable)]
    [InlineData(0x31UL, 0x400UL, (byte)ExceptionVector.InvalidOpcode)]
    [InlineData(0x39UL, 0x400UL, (byte)ExceptionVector.InvalidOpcode)]
    public void ControlRegistersForbidSse(ulong cr0, ulong cr4, byte vector)
    {
        _machine.State->Cr0 = cr0;
        _machine.State->Cr4 = cr4;
        Assert.Equal((ExceptionVector)vector, _machine.Run(s_divsd));
    }

    [Theory]
    [InlineData(0x35UL, (byte)ExceptionVector.InvalidOpcode)]
    [InlineData(0x39UL, (byte)ExceptionVector.DeviceNotAvailable)]
    public void ControlRegistersForbidMmx(ulong cr0, byte vector)
    {
        _machine.State->Cr0 = cr0;
        Assert.Equal((ExceptionVector)vector, _machine.Run(s_paddbMmx));
    }

    [Fact]
    public void MmxReportsPendingX87Exceptions()
    {
        _machine.State->Fsw = X87Unit.ErrorSummary | 1;
        Assert.Equal(ExceptionVector.MathFault, _machine.Run(s_paddbMmx));
        Assert.Equal(0xFFFF, _machine.State->Ftw);
    }

    [Fact]
    public void MmxTakesTheX87Registers()
    {
        _machine.State->Fsw = 5 << X87Unit.TopShift;
        Assert.Null(_machine.Run(s_paddbMmx));
        Assert.Equal(0, _machine.State->Ftw);
        Assert.Equal(0, X87Unit.Top(_machine.State));
        Assert.Equal(0xFFFF, _machine.Stack(0).SignExponent);
    }

    [Fact]
    public void AlignedMovesWantAlignment()
    {
        _machine.State->Gpr[Ebx] = 0x1008;
        Assert.Equal(ExceptionVector.GeneralProtection, _machine.Run(s_movapsLoad));
        _machine.At(0x1008).Slice(0, 16).Fill(7);
        Assert.Null(_machine.Run(s_movupsLoad));
        Assert.Equal(7, _machine.Xmm(0)[15]);
    }

    [Theory]
    [InlineData(0x40600UL, (byte)ExceptionVector.SimdFault)]
    [InlineData(0x40200UL, (byte)ExceptionVector.InvalidOpcode)]
    public void UnmaskedDivisionByZeroFaults(ulong cr4, byte vector)
    {
        _machine.State->Cr4 = cr4;
        _machine.State->Mxcsr = FxImage.MxcsrDefault & ~(FloatFlags.ZeroDivide << FloatStatus.MxcsrMaskShift);
        MemoryMarshal.Write(_machine.Xmm(0), 1d);
        Assert.Equal((ExceptionVector)vector, _machine.Run(s_divsd));
        Assert.Equal(1d, MemoryMarshal.Read<double>(_machine.Xmm(0)));
        Assert.Equal(FloatFlags.ZeroDivide, _machine.State->Mxcsr & FloatFlags.All);
    }

    [Fact]
    public void OneUnmaskedLaneKeepsTheWholeVector()
    {
        _machine.State->Mxcsr = FxImage.MxcsrDefault & ~(FloatFlags.ZeroDivide << FloatStatus.MxcsrMaskShift);
        var lanes = MemoryMarshal.Cast<byte, float>(_machine.Xmm(0));
        lanes[0] = 1;
        lanes[1] = 1;
        MemoryMarshal.Cast<byte, float>(_machine.Xmm(1))[1] = 3;
        Assert.Equal(ExceptionVector.SimdFault, _machine.Run(0x0F, 0x5E, 0xC1));
        Assert.Equal(1f, MemoryMarshal.Cast<byte, float>(_machine.Xmm(0))[1]);

        // Lane 1 was inexact, lanes 2 and 3 invalid: only what was found before the operation is reported.
        Assert.Equal(FloatFlags.ZeroDivide | FloatFlags.Invalid, _machine.State->Mxcsr & FloatFlags.All);
    }

    [Fact]
    public void ReservedBitsOfMxcsrFault()
    {
        _machine.State->Gpr[Ebx] = 0x2000;
        MemoryMarshal.Write(_machine.At(0x2000), 0x11F80);
        Assert.Equal(ExceptionVector.GeneralProtection, _machine.Run(0x0F, 0xAE, 0x13));
        MemoryMarshal.Write(_machine.At(0x2000), 0xFFC0);
        Assert.Null(_machine.Run(0x0F, 0xAE, 0x13));
        Assert.Equal(0xFFC0u, _machine.State->Mxcsr);
    }

    [Fact]
    public void MaskedStoreWritesOnlyChosenBytes()
    {
        const int Edi = 7;
        _machine.State->Gpr[Edi] = 0x3000;
        _machine.Xmm(1).Fill(0xAA);
        _machine.Xmm(2)[3] = 0x80;
        _machine.Xmm(2)[15] = 0xFF;
        Assert.Null(_machine.Run(0x66, 0x0F, 0xF7, 0xCA));
        var expected = new byte[17];
        expected[3] = expected[15] = 0xAA;
        Assert.Equal(expected, _machine.At(0x3000)[..17].ToArray());
    }
}
