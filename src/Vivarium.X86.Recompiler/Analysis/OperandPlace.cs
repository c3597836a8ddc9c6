namespace Vivarium.X86;

/// <summary>Where an instruction's encoding has a register operand.</summary>
internal enum OperandPlace : byte
{
    /// <summary>Not a register, or implied by the opcode.</summary>
    None,

    /// <summary>ModRM.reg.</summary>
    Reg,

    /// <summary>ModRM.rm.</summary>
    Rm,

    /// <summary>VEX.vvvv.</summary>
    Vvvv,

    /// <summary>The low bits of the opcode.</summary>
    Opcode,
}
