namespace Vivarium.X86;

/// <summary>The cases of the interpreter's dispatch switch: what is executed most, and calls for the rest.</summary>
internal enum OpCode : ushort
{
    /// <summary>Calls <see cref="DecodedOp.Target"/>.</summary>
    Call,

    /// <summary>Sets RIP to the next instruction, calls <see cref="DecodedOp.Target"/> and leaves the block, because mode or flow may change.</summary>
    CallAndLeave,

    /// <summary>The block ends without a branch: goes on at <see cref="DecodedOp.PageOffset"/>. Not an instruction.</summary>
    EndOfBlock,

    /// <summary>JMP rel in flat code.</summary>
    Jump,

    /// <summary>CALL rel64.</summary>
    CallNear,

    /// <summary>RET in 64-bit mode.</summary>
    ReturnNear,

    /// <summary>JMP r/m64.</summary>
    JumpIndirect,

    /// <summary>CALL r/m64.</summary>
    CallNearIndirect,

    JumpO,
    JumpNo,
    JumpB,
    JumpNb,
    JumpZ,
    JumpNz,
    JumpBe,
    JumpNbe,
    JumpS,
    JumpNs,
    JumpP,
    JumpNp,
    JumpL,
    JumpNl,
    JumpLe,
    JumpNle,
}
