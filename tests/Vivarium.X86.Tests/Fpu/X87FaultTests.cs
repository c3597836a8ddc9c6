using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>When x87 instructions fault, and operands that only memory has. Operands at [ebx].</summary>
public sealed unsafe class X87FaultTests : IDisposable
{
    private const int Ebx = 3;
    private static readonly byte[] s_fld1 = [0xD9, 0xE8];
    private static readonly byte[] s_fwait = [0x9B];
    private static readonly byte[] s_fninit = [0xDB, 0xE3];
    private readonly MemoryMachine _machine = new();

    public X87FaultTests() => _machine.State->Gpr[Ebx] = 0x1000;

    public void Dispose() => _machine.Dispose();

    [Theory]
    [InlineData(0x35UL)]
    [InlineData(0x39UL)]
    public void ControlRegistersForbidTheX87(ulong cr0)
    {
        _machine.State->Cr0 = cr0;
        Assert.Equal(ExceptionVector.DeviceNotAvailable, _machine.Run(s_fld1));
        Assert.Equal(ExceptionVector.DeviceNotAvailable, _machine.Run(s_fninit));
    }

    [Theory]
    [InlineData(0x39UL, false)]
    [InlineData(0x3BUL, true)]
    [InlineData(0x33UL, false)]
    public void WaitNeedsBothTaskSwitchedAndMonitor(ulong cr0, bool faults)
    {
        _machine.State->Cr0 = cr0;
        Assert.Equal(faults ? ExceptionVector.DeviceNotAvailable : null, _machine.Run(s_fwait));
    }

    [Fact]
    public void UnmaskedExceptionsFaultAtTheNextWaitingInstruction()
    {
        _machine.State->Fcw = 0x37B;
        Assert.Null(_machine.Run(s_fld1));
        Assert.Null(_machine.Run(0xD9, 0xEE));
        Assert.Null(_machine.Run(0xDE, 0xF9));
        Assert.Equal(X87Unit.ErrorSummary | X87Unit.Busy | 4, _machine.State->Fsw & 0x80FF);
        Assert.Equal(ExceptionVector.MathFault, _machine.Run(s_fwait));
        Assert.Equal(ExceptionVector.MathFault, _machine.Run(s_fld1));
        Assert.Null(_machine.Run(s_fninit));
        Assert.Null(_machine.Run(s_fwait));
    }

    [Fact]
    public void WithoutNumericErrorTheFerrLineRises()
    {
        _machine.State->Cr0 = 0x11;
        _machine.State->Fsw = X87Unit.ErrorSummary | 1;
        Assert.Null(_machine.Run(s_fwait));
        Assert.True(_machine.Ferr);
        Assert.Null(_machine.Run(0xDB, 0xE2));
        Assert.False(_machine.Ferr);
        Assert.Equal(0, _machine.State->Fsw);
    }

    [Fact]
    public void ExtendedOperandsMoveUnchanged()
    {
        var signaling = new Float80(0x8000_0000_0000_0001, 0x7FFF);
        MemoryMarshal.Write(_machine.At(0x1000), signaling);
        Assert.Null(_machine.Run(0xDB, 0x2B));
        Assert.Equal(0, _machine.State->Fsw & 0x3F);
        _machine.At(0x1000)[..16].Fill(0xEE);
        Assert.Null(_machine.Run(0xDB, 0x3B));
        Assert.Equal(signaling, MemoryMarshal.Read<Float80>(_machine.At(0x1000)));
        Assert.Equal(0xEE, _machine.At(0x1000)[10]);
        Assert.Equal(0xFFFF, _machine.State->Ftw);
    }

    [Fact]
    public void PointersNameTheInstructionAndItsOperand()
    {
        _machine.State->RipPage = 0x5000;
        Assert.Null(_machine.Run(0xD9, 0x43, 0x08));
        Assert.Equal(0x5000UL, _machine.State->Fip);
        Assert.Equal(0x1008UL, _machine.State->Fdp);
        Assert.Equal(0x143, _machine.State->Fop);
    }

    [Fact]
    public void SavedStateIsRestored()
    {
        Assert.Null(_machine.Run(0xD9, 0xEB));
        Assert.Null(_machine.Run(s_fld1));
        var (control, status) = (_machine.State->Fcw, _machine.State->Fsw);
        Assert.Null(_machine.Run(0xDD, 0x33));
        Assert.Equal(0xFFFF, _machine.State->Ftw);
        Assert.Equal(0, _machine.State->Fsw);

        // Tags of ST(0) = 1 and ST(1) = π in R6 and R7 are valid, the rest empty.
        Assert.Equal(0x0FFF, MemoryMarshal.Read<ushort>(_machine.At(0x1008)));
        Assert.Null(_machine.Run(0xDD, 0x23));
        Assert.Equal(control, _machine.State->Fcw);
        Assert.Equal(status, _machine.State->Fsw);
        Assert.Equal(new Float80(FloatParts.IntegerBit, 0x3FFF), _machine.Stack(0));
        Assert.Equal(0x0FFF, _machine.State->Ftw);
    }

    [Fact]
    public void StoringTheEnvironmentMasksExceptions()
    {
        _machine.State->Fcw = 0x340;
        _machine.State->Fsw = X87Unit.ErrorSummary | X87Unit.Busy | 1;
        Assert.Null(_machine.Run(0xD9, 0x33));
        Assert.Equal(0x37F, _machine.State->Fcw);
        Assert.Equal(1, _machine.State->Fsw);
        Assert.Equal(0xFFFF8081u, MemoryMarshal.Read<uint>(_machine.At(0x1004)));
    }
}
