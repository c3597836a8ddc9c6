using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>FXSAVE, XSAVE and their kin on memory, with the conditions of #GP. Areas at [ebx].</summary>
public sealed unsafe class XsaveInstructionTests : IDisposable
{
    private const int Eax = 0;
    private const int Ecx = 1;
    private const int Ebx = 3;
    private const int Area = 0x1000;
    private static readonly byte[] s_xsave = [0x0F, 0xAE, 0x23];
    private static readonly byte[] s_xsavec = [0x0F, 0xC7, 0x23];
    private static readonly byte[] s_xsaveopt = [0x0F, 0xAE, 0x33];
    private static readonly byte[] s_xrstor = [0x0F, 0xAE, 0x2B];
    private static readonly byte[] s_fxsave = [0x0F, 0xAE, 0x03];
    private static readonly byte[] s_fxrstor = [0x0F, 0xAE, 0x0B];
    private static readonly byte[] s_xsetbv = [0x0F, 0x01, 0xD1];
    private readonly MemoryMachine _machine = new();

    public XsaveInstructionTests()
    {
        _machine.State->Gpr[Ebx] = Area;
        _machine.State->Gpr[Eax] = uint.MaxValue;
        _machine.State->Xcr0 = 0x203;
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void FxsaveRoundTrips()
    {
        _machine.Xmm(7).Fill(9);
        X87Unit.Push(_machine.State, Float80.DefaultNaN);
        Assert.Null(_machine.Run(s_fxsave));
        Assert.Equal(0x80, _machine.At(Area)[4]);
        _machine.Xmm(7).Clear();
        _machine.State->Ftw = 0xFFFF;
        Assert.Null(_machine.Run(s_fxrstor));
        Assert.Equal(9, _machine.Xmm(7)[0]);
        Assert.Equal(0x3FFF, _machine.State->Ftw);
    }

    [Fact]
    public void FxsaveWantsAlignment()
    {
        _machine.State->Gpr[Ebx] = Area + 8;
        Assert.Equal(ExceptionVector.GeneralProtection, _machine.Run(s_fxsave));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void XsaveRoundTrips(bool compacted)
    {
        _machine.Xmm(3).Fill(5);
        _machine.State->Pkru = 0x55;
        _machine.State->Mxcsr = 0x1FA0;
        Assert.Null(_machine.Run(compacted ? s_xsavec : s_xsave));
        Assert.Equal(0x202UL, MemoryMarshal.Read<ulong>(_machine.At(Area + 512)));
        Assert.Equal(compacted ? 0x8000_0000_0000_0203UL : 0, MemoryMarshal.Read<ulong>(_machine.At(Area + 520)));
        Assert.Equal(0x55, _machine.At(Area + (compacted ? 576 : 2688))[0]);
        _machine.Xmm(3).Clear();
        _machine.State->Pkru = 0;
        _machine.State->Mxcsr = FxImage.MxcsrDefault;
        _machine.State->Fcw = 0x27F;
        Assert.Null(_machine.Run(s_xrstor));
        Assert.Equal(5, _machine.Xmm(3)[15]);
        Assert.Equal(0x55u, _machine.State->Pkru);
        Assert.Equal(0x1FA0u, _machine.State->Mxcsr);

        // The x87 was in its initial state and is so again.
        Assert.Equal(0x37F, _machine.State->Fcw);
    }

    [Theory]
    [InlineData(false, 0x207u, 576, 2688)]
    [InlineData(true, 0x207u, 576, 832)]
    [InlineData(true, 0x205u, 576, 832)]
    [InlineData(true, 0x7u, 576, 0)]
    public void AvxStateRoundTrips(bool compacted, uint requested, int avxAt, int pkruAt)
    {
        _machine.State->Xcr0 = 0x207;
        _machine.State->Gpr[Eax] = requested;
        _machine.State->Pkru = 0x55;
        for (var i = 0; i < 8; i++)
        {
            FxImage.YmmHigh(_machine.State, i).Fill((byte)(i + 1));
        }

        Assert.Null(_machine.Run(compacted ? s_xsavec : s_xsave));
        Assert.Equal(0x204UL & requested, MemoryMarshal.Read<ulong>(_machine.At(Area + 512)));
        Assert.Equal(compacted ? 0x8000_0000_0000_0000UL | requested : 0, MemoryMarshal.Read<ulong>(_machine.At(Area + 520)));
        for (var i = 0; i < 8; i++)
        {
            Assert.Equal(i + 1, _machine.At(Area + avxAt)[i * 16]);
            Assert.Equal(i + 1, _machine.At(Area + avxAt)[(i * 16) + 15]);
            FxImage.YmmHigh(_machine.State, i).Fill(0xEE);
        }

        Assert.Equal(pkruAt == 0 ? 0 : 0x55, _machine.At(Area + (pkruAt == 0 ? 1024 : pkruAt))[0]);
        Assert.Null(_machine.Run(s_xrstor));
        for (var i = 0; i < 8; i++)
        {
            Assert.True(FxImage.YmmHigh(_machine.State, i).IndexOfAnyExcept((byte)(i + 1)) < 0);
        }
    }

    [Fact]
    public void InitialAvxStateIsNeitherWrittenNorKept()
    {
        _machine.State->Xcr0 = 7;
        _machine.At(Area)[..2048].Clear();
        _machine.At(Area + 576)[..256].Fill(0xEE);
        Assert.Null(_machine.Run(s_xsaveopt));
        Assert.Equal(0xEE, _machine.At(Area + 576)[0]);
        Assert.Null(_machine.Run(s_xsavec));
        Assert.Equal(0xEE, _machine.At(Area + 576)[0]);
        FxImage.YmmHigh(_machine.State, 3).Fill(3);
        Assert.Null(_machine.Run(s_xrstor));
        Assert.True(FxImage.YmmHigh(_machine.State, 3).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void AvxStateAloneBringsMxcsrInTheStandardForm()
    {
        _machine.State->Xcr0 = 7;
        _machine.State->Gpr[Eax] = 4;
        _machine.State->Mxcsr = 0x1FA0;
        Assert.Null(_machine.Run(s_xsave));
        _machine.State->Mxcsr = FxImage.MxcsrDefault;
        Assert.Null(_machine.Run(s_xrstor));
        Assert.Equal(0x1FA0u, _machine.State->Mxcsr);
    }

    [Fact]
    public void XsaveoptLeavesInitialComponentsUnwritten()
    {
        _machine.At(Area)[..512].Fill(0xEE);
        Assert.Null(_machine.Run(s_xsaveopt));
        Assert.Equal(0xEE, _machine.At(Area)[0]);
        Assert.Equal(0xEE, _machine.At(Area)[FxImage.XmmOffset]);
        Assert.Equal(FxImage.MxcsrDefault, MemoryMarshal.Read<uint>(_machine.At(Area + FxImage.MxcsrOffset)));
        Assert.Equal(0UL, MemoryMarshal.Read<ulong>(_machine.At(Area + 512)));
    }

    [Theory]
    [InlineData(512, 4UL)]
    [InlineData(520, 1UL)]
    [InlineData(528, 1UL)]
    [InlineData(520, 0x8000_0000_0000_0004UL)]
    [InlineData(24, 0x10000UL)]
    public void XrstorChecksTheHeader(int offset, ulong value)
    {
        Assert.Null(_machine.Run(s_xsave));
        MemoryMarshal.Write(_machine.At(Area + offset), value);
        _machine.Xmm(1).Fill(1);
        Assert.Equal(ExceptionVector.GeneralProtection, _machine.Run(s_xrstor));
        Assert.Equal(1, _machine.Xmm(1)[0]);
    }

    [Fact]
    public void CompactedHeaderMustBeConsistent()
    {
        Assert.Null(_machine.Run(s_xsavec));
        MemoryMarshal.Write(_machine.At(Area + 520), 0x8000_0000_0000_0001UL);
        MemoryMarshal.Write(_machine.At(Area + 512), 3UL);
        Assert.Equal(ExceptionVector.GeneralProtection, _machine.Run(s_xrstor));
    }

    [Theory]
    [InlineData(Area + 16, 0x31UL, 0x40600UL, (byte)ExceptionVector.GeneralProtection)]
    [InlineData(Area, 0x39UL, 0x40600UL, (byte)ExceptionVector.DeviceNotAvailable)]
    [InlineData(Area, 0x31UL, 0x600UL, (byte)ExceptionVector.InvalidOpcode)]
    public void XsaveFaults(int address, ulong cr0, ulong cr4, byte vector)
    {
        _machine.State->Gpr[Ebx] = (ulong)address;
        _machine.State->Cr0 = cr0;
        _machine.State->Cr4 = cr4;
        Assert.Equal((ExceptionVector)vector, _machine.Run(s_xsave));
    }

    [Theory]
    [InlineData(3u, 0u, 0u, true)]
    [InlineData(0x203u, 0u, 0u, true)]
    [InlineData(7u, 0u, 0u, true)]
    [InlineData(0x207u, 0u, 0u, true)]
    [InlineData(5u, 0u, 0u, false)]
    [InlineData(0xFu, 0u, 0u, false)]
    [InlineData(2u, 0u, 0u, false)]
    [InlineData(0x80000003u, 0u, 0u, false)]
    [InlineData(3u, 1u, 0u, false)]
    [InlineData(3u, 0u, 3u, false)]
    public void XsetbvChecksItsOperands(uint value, uint register, uint cpl, bool valid)
    {
        _machine.State->Gpr[Eax] = value;
        _machine.State->Gpr[Ecx] = register;
        _machine.State->Cpl = cpl;
        Assert.Equal(valid ? null : ExceptionVector.GeneralProtection, _machine.Run(s_xsetbv));
        Assert.Equal(valid ? value : 0x203u, _machine.State->Xcr0);
    }
}
