using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <content>What one maker's processors do and the other's do not, the engines being like Intel's.</content>
internal static partial class HostDifferences
{
    private const int InvalidOpcode = (int)ExceptionVector.InvalidOpcode;
    private const int SimdFault = (int)ExceptionVector.SimdFault;
    private const uint MisalignedMask = 1 << 17;
    private const int DenormalsMask = 0x1F;

    /// <summary>Flags that a processor leaves otherwise in the middle of a repeated string instruction, which this outcome may be: AMD's clears RF at a single step, and has those of the last comparison.</summary>
    public static ulong OpenFlags(LabProgram program, CaseOutcome host) =>
        HostFeatures.IsIntel || !IsRepeated(program.At(host.Rip)) ? 0 : Rflags.Rf | Rflags.Arithmetic;

    /// <summary>Whether a string instruction is repeated.</summary>
    public static bool IsRepeated(in Instruction instruction) => instruction.IsStringInstruction && (instruction.HasRepPrefix || instruction.HasRepnePrefix);

    /// <summary>
    /// The address that a page fault of a vector's masked store reports: AMD gives the first lane's that faults, as the engines, Intel the last byte
    /// of the operand. The manual asks for one in the page.
    /// </summary>
    public static ulong FaultAddress(LabProgram program, CaseOutcome host, CaseOutcome mine) =>
        host.Vector == PageFault && IsLaneStore(program.At(host.Rip)) && (host.FaultAddress ^ mine.FaultAddress) < 0x1000 && host.FaultAddress - mine.FaultAddress < 32
            ? host.FaultAddress
            : mine.FaultAddress;

    private static bool IsLaneStore(in Instruction instruction) => instruction.Op0Kind == OpKind.Memory
        && instruction.Mnemonic is Mnemonic.Vmaskmovps or Mnemonic.Vmaskmovpd or Mnemonic.Vpmaskmovd or Mnemonic.Vpmaskmovq;

    /// <summary>Whether an instruction that faulted left something behind, although nothing of it should be seen (Intel SDM Vol. 3A §6.5).</summary>
    private static bool HasTraces(LabProgram program, CaseOutcome interpreter, CaseOutcome host)
    {
        var instruction = program.At(host.Rip);
        if (HostFeatures.IsIntel)
        {
            // A store of an MMX register has entered MMX mode, VCVTPS2PH has set its flags, a call has pushed its return address, a part of 80 bits is stored.
            if (IsAccess(host.Vector) && ((IsMmxStore(program, host.Rip) && host.Top == 0 && interpreter.Top != 0)
                || (instruction.Mnemonic == Mnemonic.Vcvtps2ph && (host.Mxcsr & ~FloatFlags.All) == (interpreter.Mxcsr & ~FloatFlags.All))
                || (instruction.FlowControl == FlowControl.IndirectCall && host.Vector == GeneralProtection)
                || (host.Vector == PageFault && instruction.MemorySize is MemorySize.Float80 or MemorySize.Bcd && instruction.Mnemonic is Mnemonic.Fstp or Mnemonic.Fbstp)))
            {
                return true;
            }
        }

        // Intel always sets PE for an unmasked underflow of a denormal single to a half, precise or not.
        if (host.Vector == SimdFault && instruction.Mnemonic == Mnemonic.Vcvtps2ph && (host.Mxcsr ^ interpreter.Mxcsr) == FloatFlags.Precision)
        {
            return true;
        }

        // Conversions from or to MMX registers and MASKMOVQ have entered MMX mode.
        return (host.Vector == SimdFault && IsMmxConversion(instruction)) || (IsAccess(host.Vector) && instruction.Mnemonic == Mnemonic.Maskmovq);
    }

    /// <summary>MOVD, MOVQ and MOVNTQ to memory, by their bytes: at the end of a program, whose displacement is what lies behind it, too.</summary>
    private static bool IsMmxStore(LabProgram program, ulong rip)
    {
        var code = program.CodeAt(rip);
        var opcode = code.IndexOf((byte)0x0F);
        return opcode >= 0 && code.Length > opcode + 1 && code[opcode + 1] is 0x7E or 0x7F or 0xE7;
    }

    /// <summary>Whether AMD's processors differ in that an instruction ends in this outcome at all.</summary>
    private static bool IsKnownOfAmd(LabProgram program, in Instruction instruction, CaseOutcome ended) => ended.Vector switch
    {
        InvalidOpcode => IsPermuteWithoutW(program, ended.Rip) || IsLockedVerw(program, ended.Rip),

        // VCVTPS2PH finds out about its address first.
        SimdFault => instruction.Mnemonic == Mnemonic.Vcvtps2ph,

        // Misaligned operands of the SHA instructions are taken; bit 17 of MXCSR exists and lets others pass.
        GeneralProtection => IsSha(instruction) || IsOffsetNonCanonical(instruction, ended) || IsPreventedStore(instruction, ended)
            || instruction.Mnemonic is Mnemonic.Ldmxcsr or Mnemonic.Vldmxcsr or Mnemonic.Fxrstor or Mnemonic.Fxrstor64,
        PageFault or StackFault => IsPreventedStore(instruction, ended),

        // Conversions of halves report #AC.
        AlignmentCheck => IsPreventedStore(instruction, ended) || instruction.Mnemonic is Mnemonic.Vcvtph2ps or Mnemonic.Vcvtps2ph,
        _ => false,
    };

    /// <summary>A store that an unmasked exception may prevent: AMD looks at its address all the same.</summary>
    private static bool IsPreventedStore(in Instruction instruction, CaseOutcome ended) => (ended.ControlWord & DenormalsMask) != DenormalsMask
        && instruction.Mnemonic is Mnemonic.Fst or Mnemonic.Fstp or Mnemonic.Fist or Mnemonic.Fistp or Mnemonic.Fisttp or Mnemonic.Fbstp;

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
}
