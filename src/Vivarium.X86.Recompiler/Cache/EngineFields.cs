using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>What emitted code and its callers share, in the bytes before the <see cref="CpuState"/>, so that displacements fit 8 bits.</summary>
[StructLayout(LayoutKind.Explicit, Size = VcpuMemory.EngineFieldsBytes)]
internal struct EngineFields
{
    // Offsets from the state, as emitted code has them.
    public const int CounterOffset = -8;
    public const int HostFlagsOffset = -16;
    public const int HostStackOffset = -24;
    public const int InterpretOffset = -32;
    public const int ContextOffset = -40;
    public const int VectorsLiveOffset = -44;
    public const int HostMxcsrOffset = -48;
    public const int X87LiveOffset = -56;
    public const int EngineHandleOffset = -64;
    public const int ReloadsVectorsOffset = -124;
    public const int ValueOffset = -72;
    public const int HostAddressOffset = -80;
    public const int StackLimitOffset = -88;
    public const int UserContextOffset = -136;
    public const int SupervisorContextOffset = -144;
    public const int InterruptWaitingOffset = -148;
    public const int FlagOperandOffset = -160;

    /// <summary>The first of <see cref="AccessGroups.SlotCount"/> host addresses that emitted code keeps between accesses, 8 bytes each upwards.</summary>
    public const int HeldAddressesOffset = -120;

    /// <summary>Below this RSP no more return frames are pushed.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + StackLimitOffset)]
    public nint StackLimit;

    /// <summary>What <see cref="Context"/> is at CPL 3, its mode left out: emitted code that changes privilege puts it there.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + UserContextOffset)]
    public ulong UserContext;

    /// <summary>What <see cref="Context"/> is at CPL 0 to 2, its mode left out.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + SupervisorContextOffset)]
    public ulong SupervisorContext;

    /// <summary>Not 0 if an interrupt waited for RFLAGS.IF when emitted code was entered; what comes later ends the slice.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + InterruptWaitingOffset)]
    public uint InterruptWaiting;

    /// <summary>An operand or result of the last operation that wrote the flags, where <see cref="FlagRecovery.KeptOperand"/> names it.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + FlagOperandOffset)]
    public ulong FlagOperand;

    /// <summary>1 if a lookup that is made again wants the vector registers back.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + ReloadsVectorsOffset)]
    public uint ReloadsVectors;

    /// <summary>A host address that waits for the next step of its instruction.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + HostAddressOffset)]
    public nint HostAddress;

    /// <summary>A value that waits for the next step of its instruction.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + ValueOffset)]
    public ulong Value;

    /// <summary>The engine's GC handle.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + EngineHandleOffset)]
    public nint EngineHandle;

    /// <summary>1 while the guest's x87 registers are in the host's.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + X87LiveOffset)]
    public uint X87Live;

    /// <summary>.NET's own MXCSR.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + HostMxcsrOffset)]
    public uint HostMxcsr;

    /// <summary>1 while the guest's vector registers and MXCSR are in the host's.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + VectorsLiveOffset)]
    public uint VectorsLive;

    /// <summary>What the jump cache compares besides RIP.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + ContextOffset)]
    public ulong Context;

    /// <summary>The callback that interprets instructions.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + InterpretOffset)]
    public nint Interpret;

    /// <summary>RSP at the entry to emitted code, below which are return frames: see <see cref="Thunks.Enter"/>.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + HostStackOffset)]
    public nint HostStack;

    /// <summary>The six arithmetic flags as LAHF and SETO give them: OF in byte 0, AH in byte 1.</summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + HostFlagsOffset)]
    public ushort HostFlags;

    /// <summary>
    /// Instructions that may still run. Another thread flips the sign bit to have the code leave; that may get lost, so slices are short.
    /// </summary>
    [FieldOffset(VcpuMemory.EngineFieldsBytes + CounterOffset)]
    public long Counter;
}
