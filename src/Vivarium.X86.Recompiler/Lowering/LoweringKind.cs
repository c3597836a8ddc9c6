namespace Vivarium.X86;

/// <summary>How an instruction becomes host code.</summary>
internal enum LoweringKind : byte
{
    /// <summary>The interpreter executes it.</summary>
    Interpret,

    /// <summary>Nothing is emitted.</summary>
    Nothing,

    /// <summary>The same instruction, with mapped registers and a translated memory operand.</summary>
    Reencode,

    /// <summary>As <see cref="Reencode"/>; a bit offset in a register addresses memory beyond the operand: see <see cref="BitTestBeyond"/>.</summary>
    BitTest,

    /// <summary>As <see cref="Reencode"/> for vector registers; operands of 16 and 32 bytes must be aligned.</summary>
    AlignedVector,

    /// <summary>As <see cref="Reencode"/> for vector registers with any alignment.</summary>
    Vector,

    /// <summary>On the host's x87 unit.</summary>
    X87,

    /// <summary>As <see cref="Reencode"/> for MMX registers; EMMS.</summary>
    Mmx,

    /// <summary>LDMXCSR, unless it unmasks an exception.</summary>
    LoadMxcsr,

    /// <summary>VZEROUPPER, VZEROALL.</summary>
    ClearVectors,

    /// <summary>The same bytes: all operands are RAX, RCX, RDX or flags.</summary>
    Copy,

    LoadAddress,
    MoveImmediate,
    Push,
    Pop,
    LeaveFrame,
    Divide,
    DirectionFlag,
    ClearInterrupts,
    PushFlags,
    SwapGs,

    /// <summary>STAC, CLAC.</summary>
    AccessControl,

    /// <summary>STI.</summary>
    AllowInterrupts,

    /// <summary>SYSCALL.</summary>
    SystemCall,

    /// <summary>SYSRET to 64-bit code.</summary>
    SystemReturn,

    /// <summary>MOVS, STOS, LODS, CMPS, SCAS.</summary>
    String,

    /// <summary>REP MOVS, REP STOS.</summary>
    RepeatedString,

    /// <summary>BT, BTS, BTR, BTC of memory, with the bit's number in a register.</summary>
    BitTestBeyond,

    /// <summary>A direct jump to the next instruction of the run, in a page that the run is known to be right for.</summary>
    FollowedJump,

    /// <summary>As <see cref="FollowedJump"/>, to a page that may be another at another time.</summary>
    CheckedJump,
    ConditionalJump,
    Jump,
    Call,
    Return,
}
