using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// The whole architectural state of one processor, engine-neutral, in native memory aligned to 64 bytes. Decoded operations
/// address registers by byte offset into it (<see cref="RegisterOffset"/>), so fields that they name keep within the first 64 KiB.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CpuState
{
    /// <summary>RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8–R15.</summary>
    public fixed ulong Gpr[16];

    /// <summary>Always zero: stands for an absent base or index register and for a flat segment's base.</summary>
    public ulong Zero;

    /// <summary>The page of the instruction pointer (RIP with bits 11:0 clear) of the block that runs: base of RIP-relative operands.</summary>
    public ulong RipPage;

    /// <summary>Always <see cref="RegisterOffset.FarBytes"/>: an index for RIP-relative operands whose displacement does not fit 32 bits.</summary>
    public ulong Far;

    /// <summary>An address computed by a handler, for operands that refer to it.</summary>
    public ulong Scratch;

    /// <summary>The instruction pointer at block boundaries; inside a block it is RipPage + the operation's page offset.</summary>
    public ulong Rip;

    /// <summary>Lazy arithmetic flags; see <see cref="LazyFlags"/>.</summary>
    public ulong FlagResult;

    /// <summary>Lazy arithmetic flags; see <see cref="LazyFlags"/>.</summary>
    public ulong FlagAux;

    /// <summary>The bits of RFLAGS that are not CF, PF, AF, ZF, SF or OF (bit 1 included).</summary>
    public ulong FlagSystem;

    public SegmentRegister Es;
    public SegmentRegister Cs;
    public SegmentRegister Ss;
    public SegmentRegister Ds;
    public SegmentRegister Fs;
    public SegmentRegister Gs;
    public SegmentRegister Ldtr;
    public SegmentRegister Tr;

    public ulong GdtBase;
    public ulong IdtBase;
    public uint GdtLimit;
    public uint IdtLimit;

    public ulong Cr0;
    public ulong Cr2;
    public ulong Cr3;
    public ulong Cr4;
    public ulong Xcr0;
    public ulong Efer;
    public uint Pkru;

    /// <summary>Current privilege level, 0 to 3.</summary>
    public uint Cpl;

    public fixed ulong Dr[8];

    /// <summary>Page-directory-pointer entries of legacy PAE paging, loaded with CR3 (Intel SDM Vol. 3A §4.4.1).</summary>
    public fixed ulong Pdpte[4];

    /// <summary>x87 physical registers R0–R7, 16 bytes each: significand in bytes 0–7 (also MM0–MM7), sign and exponent in 8–9.</summary>
    public fixed byte X87[8 * 16];

    /// <summary>x87 control word.</summary>
    public ushort Fcw;

    /// <summary>x87 status word, TOP in bits 13:11.</summary>
    public ushort Fsw;

    /// <summary>x87 full tag word, two bits a physical register (0 valid, 1 zero, 2 special, 3 empty).</summary>
    public ushort Ftw;

    /// <summary>Last x87 opcode, 11 bits.</summary>
    public ushort Fop;

    public uint Mxcsr;

    /// <summary>Offset of the last non-control x87 instruction.</summary>
    public ulong Fip;

    /// <summary>Offset of its memory operand.</summary>
    public ulong Fdp;

    public ushort Fcs;
    public ushort Fds;

    /// <summary>Halted, shut down, waiting for startup, or running.</summary>
    public ActivityState Activity;

    /// <summary>Whether interrupts, or debug traps too, wait for the next instruction to end.</summary>
    public InterruptShadow InterruptShadow;

    /// <summary>NMIs are masked until IRET.</summary>
    public byte NmiMasked;

    /// <summary>NMIs that wait to be delivered: one while they are masked, and else two.</summary>
    public byte NmiPending;

    /// <summary>A paravirtual kick came; the next halt ends at once.</summary>
    public byte Kicked;

    /// <summary>Debug exceptions that wait for the next boundary, as DR6 bits.</summary>
    public uint PendingDebug;

    /// <summary>Instructions completed since reset.</summary>
    public ulong InstructionCount;

    public ulong SysenterCs;
    public ulong SysenterEsp;
    public ulong SysenterEip;
    public ulong Star;
    public ulong Lstar;
    public ulong Cstar;
    public ulong Sfmask;
    public ulong KernelGsBase;
    public ulong TscAux;
    public ulong TscOffset;
    public ulong Pat;
    public ulong MtrrDefType;
    public ulong TscAdjust;
    public ulong SpecCtrl;
    public ulong MiscEnable;

    /// <summary>MTRRs: eleven fixed ranges, then eight base and mask pairs.</summary>
    public fixed ulong Mtrr[11 + 16];

    /// <summary>Makes the vector registers start at a 64-byte boundary; a test holds them to it.</summary>
    private ulong _padding;

    /// <summary>Vector registers 0–31, 64 bytes each: XMM in bytes 0–15, YMM in 0–31.</summary>
    public fixed byte Vector[32 * 64];
}
