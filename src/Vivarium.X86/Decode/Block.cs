using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>A run of decoded operations, in native memory, followed by them. It starts and ends within one page but for its last instruction.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Block
{
    /// <summary>Guest-physical address of the first byte.</summary>
    public ulong Gpa;

    /// <summary>Guest-physical page of the last instruction's end if it crosses into another page, else 0 with <see cref="CrossesPage"/> false.</summary>
    public ulong SecondPageGpa;

    /// <summary>The next block with the same hash.</summary>
    public Block* NextInBucket;

    /// <summary>The next block on the same page.</summary>
    public Block* NextInPage;

    /// <summary>What it was decoded for.</summary>
    public DecodeMode Mode;

    /// <summary>Offset of the first byte in its page.</summary>
    public ushort PageOffset;

    /// <summary>Bytes of guest code.</summary>
    public ushort LengthBytes;

    /// <summary>Instructions, the closing <see cref="OpCode.EndOfBlock"/> not counted.</summary>
    public byte Count;

    public bool CrossesPage;

    /// <summary>The operations.</summary>
    public static DecodedOp* Ops(Block* block) => (DecodedOp*)(block + 1);
}
