using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What the host is not asked: instructions and results that processors, or an operating system, do not share.</summary>
internal static partial class HostDifferences
{
    private const int StackFault = (int)ExceptionVector.StackFault;
    private const int GeneralProtection = (int)ExceptionVector.GeneralProtection;
    private const int PageFault = (int)ExceptionVector.PageFault;
    private const int AlignmentCheck = (int)ExceptionVector.AlignmentCheck;

    /// <summary>The instructions that cases for the host are made of.</summary>
    public static InstructionCatalogue Instructions { get; } = InstructionCatalogue.For64.Where(IsIncluded);

    /// <summary>What the generator of cases has besides its catalogue: with operands that leave nothing undefined, or with a branch that is set later.</summary>
    private static readonly Mnemonic[] s_prepared =
    [
        Mnemonic.Bsf, Mnemonic.Bsr, Mnemonic.Shld, Mnemonic.Shrd, Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Pushfq, Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq, Mnemonic.Push,
        Mnemonic.Pop, Mnemonic.Enter, Mnemonic.Leave, Mnemonic.Ud2, Mnemonic.Int3, Mnemonic.Fcomi, Mnemonic.Fcomip, Mnemonic.Fucomi, Mnemonic.Fucomip,
        Mnemonic.Jmp, Mnemonic.Call, Mnemonic.Ret,
    ];

    /// <summary>Whether a host may run a program: made of what cases are made of, up to an instruction that does not exist or the HLT at the end.</summary>
    public static bool IsAllowed(LabProgram program, bool isIntel)
    {
        var isBehindInvalid = false;
        foreach (var instruction in program.Instructions)
        {
            isBehindInvalid |= instruction.IsInvalid;

            // A branch may lead over what does not exist, but not to the system.
            if (isBehindInvalid ? instruction.Mnemonic is Mnemonic.Syscall or Mnemonic.Sysenter or Mnemonic.Int : !IsAllowed(program, instruction, isIntel))
            {
                return false;
            }
        }

        return isBehindInvalid || program.Instructions[^1].Mnemonic == Mnemonic.Hlt;
    }

    private static bool IsAllowed(LabProgram program, in Instruction instruction, bool isIntel)
    {
        if (instruction.NearBranchTarget != 0)
        {
            // AMD heeds an operand-size prefix of branches, Intel ignores it (Intel SDM Vol. 2A, CALL; Vol. 2B, JMP).
            return instruction.Mnemonic != Mnemonic.Xbegin && program.Contains(instruction.NearBranchTarget)
                && (isIntel || program.Code[(int)(instruction.IP - program.Rip)] != 0x66);
        }

        return Instructions.Contains(instruction.Code) || s_prepared.Contains(instruction.Mnemonic) || instruction.Mnemonic == Mnemonic.Hlt;
    }

    private static bool MayGoAnywhere(LabProgram program) =>
        program.Instructions.Any(each => each.FlowControl is FlowControl.IndirectBranch or FlowControl.IndirectCall or FlowControl.Return);

    /// <summary>
    /// Whether processors may do different things with a program: FCOMI and its like clear C1 (Intel SDM Vol. 2A, FCOMI), but AMD's processors and
    /// some of Intel's keep it, unless FTST clears it before.
    /// </summary>
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
            return (IsAccess(host.Vector) && HasSeveralAccesses(program.At(host.Rip)) && interpreter.FaultAddress != host.FaultAddress) || HasTraces(program, interpreter, host);
        }

        return (!HostFeatures.IsIntel && (host.Mxcsr & MisalignedMask) != 0) || IsKnownAt(program, interpreter) || IsKnownAt(program, host)
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
            AlignmentCheck when instruction.MemorySize.GetSize() >= 16 || IsMaskedStore(instruction) => true,

            // How long an instruction is that does not exist.
            GeneralProtection when instruction.IsInvalid => true,

            // With a mask of zeros a page fault is the processor's choice (Intel SDM Vol. 2B, MASKMOVDQU).
            GeneralProtection or PageFault or StackFault when IsMaskedStore(instruction) => true,
            _ => !HostFeatures.IsIntel && IsKnownOfAmd(program, instruction, ended),
        };
    }

    /// <summary>Accesses that fail in two ways: which exception comes first is the processor's choice (Intel SDM Vol. 3A table 6-2, priority 10), but for #GP of an address before #AC, which AMD reports of an operand's last byte too. Of a call, one is the target's and the other the stack's.</summary>
    private static bool IsOrderOpen(in Instruction instruction, int first, int second) =>
        HasSeveralAccesses(instruction) || first == PageFault || second == PageFault || instruction.FlowControl == FlowControl.IndirectCall || !HostFeatures.IsIntel;

    private static bool IsAccess(int vector) => vector is StackFault or GeneralProtection or PageFault or AlignmentCheck;

    /// <summary>Whether there is more than one place that may fail, in an order that no manual gives.</summary>
    private static bool HasSeveralAccesses(in Instruction instruction) => instruction.Mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Cmpsq
        or Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd or Mnemonic.Movsq or Mnemonic.Fxrstor or Mnemonic.Fxrstor64
        or Mnemonic.Fldenv or Mnemonic.Frstor or Mnemonic.Maskmovq or Mnemonic.Maskmovdqu or Mnemonic.Vmaskmovdqu;

    private static bool IsMaskedStore(in Instruction instruction) => instruction.Mnemonic is Mnemonic.Maskmovq or Mnemonic.Maskmovdqu or Mnemonic.Vmaskmovdqu;

    private static bool IsIncluded(Code code)
    {
        var info = code.ToOpCode();

        // Selectors are the operating system's. CVTPI2PS from memory enters MMX mode by the manual, but on no processor seen; MOVSXD to 16 bits reads 16 by the manual, 32 on AMD.
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
