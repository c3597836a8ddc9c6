using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>The registers in a signal's frame, as Linux lays them out on x64 (ucontext and, for the floating-point part, an XSAVE image).</summary>
internal readonly ref struct SignalFrame
{
    private const int RegistersOffset = 40;
    private const int Rip = 16;
    private const int Rflags = 17;
    private const int Error = 19;
    private const int Trap = 20;
    private const int FaultAddress = 22;
    private const int ImagePointer = 23;

    /// <summary>Places of RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8–R15.</summary>
    private static ReadOnlySpan<byte> Order => [13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7];

    private readonly Span<ulong> _registers;
    private readonly Span<byte> _image;

    public SignalFrame(HostArea area)
    {
        _registers = MemoryMarshal.Cast<byte, ulong>(area.At(area.Field(HostArea.Context))[RegistersOffset..])[..24];
        _image = area.At(_registers[ImagePointer]);
    }

    public void Load(LabProgram program, LabState state)
    {
        for (var i = 0; i < 16; i++)
        {
            _registers[Order[i]] = state.Gpr[i];
        }

        _registers[Rip] = program.Rip;
        _registers[Rflags] = state.Flags;
        state.Fx.AsSpan(0, FxImage.UsedBytes(longMode: true)).CopyTo(_image);
        MemoryMarshal.Cast<byte, ulong>(_image[XsaveLayout.LegacyBytes..])[0] =
            XsaveLayout.X87Bit | XsaveLayout.SseBit | (HostFeatures.HasAvx ? XsaveLayout.AvxBit : 0);
        for (var i = 0; i < 16 && HostFeatures.HasAvx; i++)
        {
            // As the lab's machine does it.
            state.Fx.AsSpan(FxImage.XmmOffset + (((i + 5) & 15) * 16), 16).CopyTo(_image[(XsaveLayout.ExtendedOffset + (i * 16))..]);
        }
    }

    public void Store(CaseOutcome outcome)
    {
        for (var i = 0; i < 16; i++)
        {
            outcome.Gpr[i] = _registers[Order[i]];
        }

        outcome.Rip = _registers[Rip];
        outcome.Flags = _registers[Rflags];
        outcome.Vector = (int)_registers[Trap];
        outcome.ErrorCode = _registers[Error];
        outcome.FaultAddress = outcome.Vector == (int)ExceptionVector.PageFault ? _registers[FaultAddress] : 0;
        _image[..FxImage.UsedBytes(longMode: true)].CopyTo(outcome.Image);
        if (HostFeatures.HasAvx)
        {
            _image.Slice(XsaveLayout.ExtendedOffset, CaseOutcome.HighBytes).CopyTo(outcome.High);
        }
    }
}
