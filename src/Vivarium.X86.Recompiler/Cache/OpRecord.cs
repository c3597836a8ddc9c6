using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// An instruction that emitted code may hand to the interpreter, and what is known at that point. There are half a million of them: small fields
/// stand together.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OpRecord
{
    public DecodedOp Op;

    /// <summary>How to find the arithmetic flags before the instruction.</summary>
    public FlagRecovery Flags;

    /// <summary>The last x87 instruction before it.</summary>
    public X87Note X87;

    /// <summary>Iced's code, for reports.</summary>
    public ushort IcedCode;

    /// <summary>Number of its block in the cache.</summary>
    public int Block;

    /// <summary>When <see cref="Crossings"/> began to be counted, in units of 1,024 instructions of the vCPU that saw the first.</summary>
    public uint CrossingsSince;

    /// <summary>Where its lookup begins, as an offset in the cache, so that it can be made again; 0 if it has none.</summary>
    public int LookupOffset;

    /// <summary>How often the interpreter ran it.</summary>
    public uint Hits;

    /// <summary>The lowest byte that the lookup checks, relative to the instruction's own address.</summary>
    public short LookupLow;

    /// <summary>The entry of the site TLB that its access has, or <see cref="SiteTable.None"/>.</summary>
    public short Site;

    /// <summary>Instructions of its block before it.</summary>
    public byte IndexInBlock;

    /// <summary>How many records, from this on, run in a row: an access that is checked for others stands for them too.</summary>
    public byte GroupLength;

    public OpRecordFlags Properties;

    /// <summary>How often the span that it checks for its group ended beyond the page.</summary>
    public byte Crossings;

    /// <summary>Bytes that the lookup checks.</summary>
    public byte LookupBytes;

    public LookupKind Lookup;

    /// <summary>Bytes that are looked up at the site.</summary>
    public byte SiteBytes;
}

/// <summary>What a lookup asks the TLB for.</summary>
[Flags]
internal enum LookupKind : byte
{
    /// <summary>A page that may be read.</summary>
    Read = 0,

    /// <summary>A page that may be written, by the instruction itself.</summary>
    Write = 1,

    /// <summary>The address is RSP plus <see cref="OpRecord.LookupLow"/>, not the instruction's operand.</summary>
    Stack = 2,

    /// <summary>Emitted code wants the vector registers back.</summary>
    ReloadsVectors = 4,
}

/// <summary>Properties of an <see cref="OpRecord"/>.</summary>
[Flags]
internal enum OpRecordFlags : ushort
{
    None = 0,

    /// <summary>It ends the block: RIP is set first, and emitted code is left after it.</summary>
    Leave = 1,

    /// <summary>It changes arithmetic flags.</summary>
    WritesFlags = 2,

    /// <summary>Its lookup checks the span of a group.</summary>
    ChecksGroup = 128,

    /// <summary>Emitted code is left behind the last instruction of its group.</summary>
    LeavesAfterGroup = 32,

    /// <summary>It ends the block, but emitted code goes on behind it if nothing that matters has changed.</summary>
    MayStay = 16,

    /// <summary>It has no native form; otherwise only its memory access was out of the ordinary.</summary>
    NotLowered = 8,

    /// <summary>Where the interpreter runs it, it may change the translation mode.</summary>
    ChangesMode = 64,

    /// <summary>A jump that the block follows comes behind it, where code that was written takes effect.</summary>
    ComesBeforeJump = 256,
}
