using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What the host is not asked: instructions and results that processors, or an operating system, do not share.</summary>
internal static class HostDifferences
{
    private const int InvalidOpcode = (int)ExceptionVector.InvalidOpcode;
    private const int StackFault = (int)ExceptionVector.StackFault;
    private const int GeneralProtection = (int)ExceptionVector.GeneralProtection;
    private const int PageFault = (int)ExceptionVector.PageFault;
    private const int AlignmentCheck = (int)ExceptionVector.AlignmentCheck;
    private const uint MisalignedMask = 1 << 17;

    /// <summary>The instructions that cases for the host are made of.</summary>
    public static InstructionCatalogue Instructions { get; } = InstructionCatalogue.For64.Where(IsIncluded);

    /// <summary>What the generator of cases has besides its catalogue: with operands that leave nothing undefined, or with a branch that is set later.</summary>
    private static readonly Mnemonic[] s_prepared =
    [
        Mnemonic.Bsf, Mnemonic.Bsr, Mnemonic.Shld, Mnemonic.Shrd, Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Pushfq, Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq, Mnemonic.Push,
        Mnemonic.Pop, Mnemonic.Enter, Mnemonic.Leave, Mnemonic.Ud2, Mnemonic.Int3, Mnemonic.Fcomi, Mnemonic.Fcomip, Mnemonic.Fucomi, Mnemonic.Fucomip,
        Mnemonic.Jmp, Mnemonic.Call, Mnemonic.Ret,
    ];

    /// <summary>Whether the host may run a program: made of what cases are made of, up to an instruction that does not exist or the HLT at the end.</summary>
    public static bool IsAllowed(LabProgram program)
    {
        var isBehindInvalid = false;
        foreach (var instruction in program.Instructions)
        {
            isBehindInvalid |= instruction.IsInvalid;

            // A branch may lead over what does not exist, but not to the system.
            if (isBehindInvalid ? instruction.Mnemonic is Mnemonic.Syscall or Mnemonic.Sysenter or Mnemonic.Int : !IsAllowed(program, instruction))
            {
                return false;
            }
        }

        return isBehindInvalid || program.Instructions[^1].Mnemonic == Mnemonic.Hlt;
    }

    private static bool IsAllowed(LabProgram program, in Instruction instruction)
    {
        if (instruction.NearBranchTarget != 0)
        {
            // AMD heeds an operand-size prefix of branches, Intel does not.
            return instruction.Mnemonic != Mnemonic.Xbegin && program.Contains(instruction.NearBranchTarget)
                && program.Code[(int)(instruction.IP - program.Rip)] != 0x66;
        }

        return Instructions.Contains(instruction.Code) || s_prepared.Contains(instruction.Mnemonic) || instruction.Mnemonic == Mnemonic.Hlt;
    }

    private static bool MayGoAnywhere(LabProgram program) =>
        program.Instructions.Any(each => each.FlowControl is FlowControl.IndirectBranch or FlowControl.IndirectCall or FlowControl.Return);

    /// <summary>Whether processors may do different things with a program: Intel clears C1 in FCOMI and its like, AMD keeps it, unless FTST clears it before.</summary>
    public static bool IsOpen(LabProgram program)
    {
        var before = Mnemonic.INVALID;
        foreach (var instruction in program.Instructions)
        {
            if (instruction.Mnemonic is Mnemonic.Fcomi or Mnemonic.Fcomip or Mnemonic.Fucomi or Mnemonic.Fucomip
                && (before != Mnemonic.Ftst || MayGoAnywhere(program) || program.Instructions.Any(other => other.NearBranchTarget == instruction.IP)))
            {
                return true;
            }

            before = instruction.Mnemonic;
        }

        return false;
    }

    /// <summary>Whether the host's outcome is of no use, for a reason that is not in the program alone.</summary>
    public static bool IsKnown(LabProgram program, CaseOutcome interpreter, CaseOutcome host)
    {
        if (interpreter.Rip == host.Rip && interpreter.Vector == host.Vector)
        {
            // Of a conversion from or to MMX registers that raises #XM, and of MASKMOVQ with a faulting address, AMD has entered MMX mode.
            return (IsAccess(host.Vector) && HasSeveralAccesses(program.At(host.Rip)) && (interpreter.FaultAddress != host.FaultAddress || program.At(host.Rip).Mnemonic == Mnemonic.Maskmovq))
                || (host.Vector == (int)ExceptionVector.SimdFault && IsMmxConversion(program.At(host.Rip)));
        }

        return (host.Mxcsr & MisalignedMask) != 0 || IsKnownAt(program, interpreter) || IsKnownAt(program, host)
            || (interpreter.Rip == host.Rip && IsAccess(interpreter.Vector) && IsAccess(host.Vector) && IsOrderOpen(program.At(host.Rip), interpreter.Vector, host.Vector));
    }

    /// <summary>Whether a program that the interpreter ended may go on for ever on the host: it has a way back, and what ended it does not end it on every processor.</summary>
    public static bool MayNotEnd(LabProgram program, CaseOutcome interpreter) => IsKnownAt(program, interpreter)
        && (MayGoAnywhere(program) || program.Instructions.Any(each => each.NearBranchTarget != 0 && each.NearBranchTarget <= each.IP));

    /// <summary>Whether processors differ in that an instruction ends in this outcome at all.</summary>
    private static bool IsKnownAt(LabProgram program, CaseOutcome ended)
    {
        var instruction = program.At(ended.Rip);
        return ended.Vector switch
        {
            // "May or may not be generated, depending on processor implementation" for more than 8 bytes (Intel SDM Vol. 2B, MOVUPS).
            AlignmentCheck => instruction.MemorySize.GetSize() >= 16 || IsMaskedStore(instruction),

            // How long an instruction is that does not exist.
            GeneralProtection when instruction.IsInvalid => true,
            InvalidOpcode => IsPermuteWithoutW(program, ended.Rip) || IsLockedVerw(program, ended.Rip),

            // AMD takes misaligned operands of the SHA instructions; bit 17 of MXCSR exists there and lets others pass.
            GeneralProtection => IsSha(instruction) || IsMaskedStore(instruction) || IsOffsetNonCanonical(instruction, ended)
                || instruction.Mnemonic is Mnemonic.Ldmxcsr or Mnemonic.Vldmxcsr or Mnemonic.Fxrstor or Mnemonic.Fxrstor64,

            // With a mask of zeros a page fault is the processor's choice (Intel SDM Vol. 2B, MASKMOVDQU).
            PageFault or StackFault => IsMaskedStore(instruction),
            _ => false,
        };
    }

    /// <summary>VERW with a LOCK prefix is #UD (Intel SDM Vol. 2C, VERW); AMD processors whose VERW clears buffers execute it, in memory alone.</summary>
    private static bool IsLockedVerw(LabProgram program, ulong rip)
    {
        var code = program.CodeAt(rip);
        var opcode = code.IndexOf((byte)0x0F);
        return opcode > 0 && code[..opcode].Contains((byte)0xF0) && code.Length > opcode + 2 && code[opcode + 1] == 0 && (code[opcode + 2] & 0x38) == 0x28 && code[opcode + 2] < 0xC0;
    }

    /// <summary>
    /// The sum of the FS or GS base and the offset must be canonical (Intel SDM Vol. 3A §3.4.4.1). AMD wants the offset alone to be so too.
    /// </summary>
    private static bool IsOffsetNonCanonical(in Instruction instruction, CaseOutcome ended)
    {
        if (instruction.MemorySegment is not (Register.FS or Register.GS)
            || Enumerable.Range(0, instruction.OpCount).Select(instruction.GetOpKind).ToList().IndexOf(OpKind.Memory) is not (>= 0 and var operand))
        {
            return false;
        }

        var offset = instruction.GetVirtualAddress(operand, 0, (register, _, _) => register.IsSegmentRegister() ? 0 : Value(register, ended));
        return (ulong)((long)(offset << 16) >> 16) != offset;
    }

    private static ulong Value(Register register, CaseOutcome ended)
    {
        var whole = ended.Gpr[register.GetFullRegister().GetNumber()];
        return register.GetSize() switch { 8 => whole, 4 => (uint)whole, _ => (byte)whole };
    }

    /// <summary>Accesses that fail in two ways: which exception comes first is the processor's choice (Intel SDM Vol. 3A table 6-2, priority 10), but for #GP of an address before #AC. Of a call, one is the target's and the other the stack's.</summary>
    private static bool IsOrderOpen(in Instruction instruction, int first, int second) =>
        HasSeveralAccesses(instruction) || first == PageFault || second == PageFault || instruction.FlowControl == FlowControl.IndirectCall;

    private static bool IsAccess(int vector) => vector is StackFault or GeneralProtection or PageFault or AlignmentCheck;

    /// <summary>Whether there is more than one place that may fail, in an order that no manual gives.</summary>
    private static bool HasSeveralAccesses(in Instruction instruction) => instruction.Mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Cmpsq
        or Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd or Mnemonic.Movsq or Mnemonic.Fxrstor or Mnemonic.Fxrstor64
        or Mnemonic.Fldenv or Mnemonic.Frstor or Mnemonic.Maskmovq or Mnemonic.Maskmovdqu or Mnemonic.Vmaskmovdqu;

    private static bool IsMmxConversion(in Instruction instruction) => instruction.Mnemonic is Mnemonic.Cvtpi2ps or Mnemonic.Cvtpi2pd
        or Mnemonic.Cvtps2pi or Mnemonic.Cvttps2pi or Mnemonic.Cvtpd2pi or Mnemonic.Cvttpd2pi;

    private static bool IsSha(in Instruction instruction) => instruction.Mnemonic is Mnemonic.Sha1msg1 or Mnemonic.Sha1msg2 or Mnemonic.Sha1nexte or Mnemonic.Sha1rnds4
        or Mnemonic.Sha256msg1 or Mnemonic.Sha256msg2 or Mnemonic.Sha256rnds2;

    /// <summary>VPERMQ and VPERMPD with VEX.W = 0: they are defined with 1 alone (Intel SDM Vol. 2C, VPERMQ), and AMD executes them. No other VEX opcode is one on AMD alone.</summary>
    private static bool IsPermuteWithoutW(LabProgram program, ulong rip)
    {
        var code = program.CodeAt(rip).TrimStart<byte>([0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x67]);
        return code.Length >= 4 && code[0] == 0xC4 && (code[1] & 0x1F) == 3 && (code[2] & 0x87) == 0x05 && code[3] <= 1;
    }

    private static bool IsMaskedStore(in Instruction instruction) => instruction.Mnemonic is Mnemonic.Maskmovq or Mnemonic.Maskmovdqu or Mnemonic.Vmaskmovdqu;

    /// <summary>Flags that processors do not share: AMD does not set RF in the image that a single step pushes inside a repeated string instruction.</summary>
    public static ulong OpenFlags(LabProgram program, CaseOutcome host) =>
        host.Vector == (int)ExceptionVector.Debug && program.At(host.Rip) is { IsStringInstruction: true } instruction && (instruction.HasRepPrefix || instruction.HasRepnePrefix) ? Rflags.Rf : 0;

    private static bool IsIncluded(Code code)
    {
        var info = code.ToOpCode();

        // Selectors are the operating system's. CVTPI2PS from memory enters MMX mode by Intel's manual, not on AMD; MOVSXD to 16 bits reads 16 by Intel's manual, 32 on AMD.
        var hasSelector = Enumerable.Range(0, info.OpCount).Any(i => info.GetOpKind(i) == OpCodeOperandKind.seg_reg);
        return !hasSelector && code is not (Code.Cvtpi2ps_xmm_mmm64 or Code.Movsxd_r16_rm16) && code.CpuidFeatures().All(HostFeatures.Has) && code.Mnemonic() switch
        {
            // FIP, FDP and FOP: AMD stores them only with an exception pending, and the operating system loses them.
            Mnemonic.Fnstenv or Mnemonic.Fnsave or Mnemonic.Fxsave or Mnemonic.Fxsave64 => false,

            // The bases are part of a case's state, not of its code.
            Mnemonic.Wrfsbase or Mnemonic.Wrgsbase => false,
            _ => true,
        };
    }
}
