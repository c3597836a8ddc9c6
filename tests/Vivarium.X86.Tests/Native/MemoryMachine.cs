using System.Runtime.InteropServices;
using Iced.Intel;
using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>A processor of ours in flat 32-bit protected mode without paging, with 64 KiB of memory: for memory operands and faults.</summary>
internal sealed unsafe class MemoryMachine : IDisposable
{
    private const int MemoryBytes = 65536;
    private readonly GuestMemory _memory = new();
    private readonly VcpuMemory _vcpu = new();
    private readonly DecodedOp* _op = (DecodedOp*)NativeMemory.AlignedAlloc((nuint)sizeof(DecodedOp), 64);

    public MemoryMachine()
    {
        _memory.AddRam(0, MemoryBytes);
        State->Cr0 = 0x31;
        State->Cr4 = 0x40600;
        State->Xcr0 = 3;
        State->Mxcsr = FxImage.MxcsrDefault;
        State->FlagSystem = Rflags.One;
        State->Cs.Limit = State->Ds.Limit = State->Es.Limit = State->Ss.Limit = uint.MaxValue;
        X87Unit.Initialize(State);
        Core = new CpuCore(_vcpu, _memory, new UnclaimedIo(), new UnclaimedIo(), CpuModel.Max) { FerrChanged = level => Ferr = level };
    }

    public CpuState* State => _vcpu.State;

    public CpuCore Core { get; }

    /// <summary>The last level of FERR#.</summary>
    public bool Ferr { get; private set; }

    /// <summary>Guest memory from an address on, within its page.</summary>
    public Span<byte> At(int address) => new(_memory.GetWritePage((ulong)address & ~4095UL, out _) + (address & 4095), 4096 - (address & 4095));

    /// <summary>Decodes and runs one instruction; the vector of its fault, or null.</summary>
    public ExceptionVector? Run(params ReadOnlySpan<byte> bytes)
    {
        var instruction = Decoder.Create(32, bytes.ToArray()).Decode();
        OperandLowering.Initialize(instruction, DecodeMode.Code32 | DecodeMode.FlatCode | DecodeMode.FlatData, 0, _op);
        Assert.True(FloatingPointLowering.TryLower(instruction, _op), instruction.ToString());
        return ((delegate*<CpuCore, DecodedOp*, bool>)_op->Target)(Core, _op) ? null : Core.FaultVector;
    }

    public ref Float80 Stack(int index) => ref *X87Unit.Register(State, index);

    public Span<byte> Xmm(int number) => FxImage.Xmm(State, number);

    public void Dispose()
    {
        _memory.Dispose();
        _vcpu.Dispose();
        NativeMemory.AlignedFree(_op);
    }
}
