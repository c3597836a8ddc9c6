using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// One decoded instruction, 40 bytes, in native memory. Registers are byte offsets into <see cref="CpuState"/>. It holds no
/// guest-virtual address, so a block serves every mapping of its page.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct DecodedOp
{
    /// <summary>The case of the dispatch switch.</summary>
    public OpCode Code;

    /// <summary>Length of the instruction in bytes, 1 to 15.</summary>
    public byte Length;

    /// <summary>Properties.</summary>
    public OpFlags Flags;

    /// <summary>Offset of the instruction's first byte in its page, 0 to 4,095.</summary>
    public ushort PageOffset;

    /// <summary>First register operand, usually the destination.</summary>
    public ushort Reg1;

    /// <summary>Second register operand, usually the source.</summary>
    public ushort Reg2;

    /// <summary>Base register of the memory operand.</summary>
    public ushort Base;

    /// <summary>Index register of the memory operand.</summary>
    public ushort Index;

    /// <summary>Where the segment base is: the zero slot for flat segments.</summary>
    public ushort SegmentBase;

    /// <summary>Shift of the index, 0 to 3.</summary>
    public byte Scale;

    /// <summary>64 minus the address size in bits: 0, 32 or 48.</summary>
    public byte AddressShift;

    /// <summary>Segment register of the memory operand, 0 to 5.</summary>
    public byte Segment;

    /// <summary>Operand size in bytes where a handler serves several.</summary>
    public byte Size;

    /// <summary>Displacement; for RIP-relative operands relative to the page of the instruction pointer.</summary>
    public int Displacement;

    /// <summary>Immediate operand, sign-extended; for branches the target relative to the page of the instruction pointer.</summary>
    public long Immediate;

    /// <summary>For <see cref="OpCode.Call"/>, the handler (<c>delegate*&lt;CpuCore, DecodedOp*, bool&gt;</c>); for branches, the chained block.</summary>
    public nint Target;

    public readonly bool HasMemory => (Flags & OpFlags.Memory) != 0;
}

/// <summary>Properties of a <see cref="DecodedOp"/>.</summary>
[Flags]
internal enum OpFlags : byte
{
    None = 0,

    /// <summary>The r/m operand is in memory.</summary>
    Memory = 1,

    /// <summary>The segment is not known to be flat: check limit and rights.</summary>
    CheckSegment = 2,

    /// <summary>A LOCK prefix, or an implicitly locked exchange.</summary>
    Lock = 4,

    /// <summary>REP or REPE.</summary>
    Rep = 8,

    /// <summary>REPNE.</summary>
    RepNe = 16,

    /// <summary>The instruction runs in 64-bit mode.</summary>
    LongMode = 32,

    /// <summary>REX.W, or 64-bit operand size.</summary>
    Wide = 64,
}
