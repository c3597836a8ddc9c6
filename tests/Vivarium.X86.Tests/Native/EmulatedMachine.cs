using System.Runtime.InteropServices;
using Iced.Intel;
using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>A processor of ours that runs one lowered instruction on the same kind of state as <see cref="NativeRunner"/>.</summary>
internal sealed unsafe class EmulatedMachine : IDisposable
{
    private readonly VcpuMemory _vcpu = new();
    private const int MemoryAddress = 0x1000;
    private const int Rdi = 7;
    private readonly GuestMemory _memory = new();
    private readonly DecodedOp* _op = (DecodedOp*)NativeMemory.AlignedAlloc((nuint)sizeof(DecodedOp), 64);

    public EmulatedMachine()
    {
        State->Cr0 = 0x31;
        State->Cr4 = 0x40600;
        State->Xcr0 = XsaveLayout.X87Bit | XsaveLayout.SseBit | XsaveLayout.AvxBit;
        State->Gpr[Rdi] = MemoryAddress;
        _memory.AddRam(0, 0x2000);
        Core = new CpuCore(_vcpu, _memory, new UnclaimedIo(), new UnclaimedIo(), CpuModel.Max);
    }

    public CpuState* State => _vcpu.State;

    public CpuCore Core { get; }

    /// <summary>What RDI points to.</summary>
    public Span<byte> Memory => new(_memory.GetWritePage(MemoryAddress, out _), NativeState.MemoryBytes);

    /// <summary>Lowers the instruction; false if it is unknown.</summary>
    public bool TryLower(in Instruction instruction)
    {
        OperandLowering.Initialize(instruction, DecodeMode.Code64, 0, _op);
        return FloatingPointLowering.TryLower(instruction, _op);
    }

    /// <summary>Runs the lowered instruction.</summary>
    public bool Execute() => ((delegate*<CpuCore, DecodedOp*, bool>)_op->Target)(Core, _op);

    public void Load(NativeState state)
    {
        FxImage.LoadX87(State, state.ImageSpan, wide: true);
        FxImage.LoadXmm(State, state.ImageSpan, longMode: true);
        XsaveImage.LoadAvx(State, state.ImageSpan[XsaveLayout.ExtendedOffset..], longMode: true);
        State->Mxcsr = state.Mxcsr;
        state.Memory.CopyTo(Memory);
        for (var i = 0; i < 3; i++)
        {
            State->Gpr[i] = state.General[i];
        }

        LazyFlags.Set(State, state.General[3]);
    }

    public void Store(NativeState state)
    {
        FxImage.StoreX87(State, state.ImageSpan, wide: true);
        FxImage.StoreXmm(State, state.ImageSpan, longMode: true);
        XsaveImage.StoreAvx(State, state.ImageSpan[XsaveLayout.ExtendedOffset..], longMode: true);
        FxImage.StoreMxcsr(State, state.ImageSpan);
        for (var i = 0; i < 3; i++)
        {
            state.General[i] = State->Gpr[i];
        }

        state.General[3] = LazyFlags.Get(State);
    }

    public void Dispose()
    {
        _vcpu.Dispose();
        _memory.Dispose();
        NativeMemory.AlignedFree(_op);
    }
}
