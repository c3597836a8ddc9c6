using System.Globalization;
using Iced.Intel;

namespace Vivarium.X86;

/// <summary>
/// Compares two processors that should be in the same state: one on the interpreter, one on the recompiler. Both must be parked.
/// </summary>
public static unsafe class X86CpuComparison
{
    private static readonly X86Register[] s_registers =
    [
        .. Enumerable.Range((int)X86Register.Rax, 16).Select(register => (X86Register)register), X86Register.Rip, X86Register.Rflags,
    ];

    /// <summary>
    /// Has <paramref name="target"/> take over from <paramref name="source"/> what an instruction leaves undefined in RFLAGS, and in registers that
    /// hold an image of it: values that differ in CF, PF, AF, ZF, SF and OF alone. A difference that matters shows where the flags are used.
    /// Returns how many registers were changed.
    /// </summary>
    public static int AdoptFlagImages(X86Cpu target, X86Cpu source)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(source);
        var adopted = 0;
        foreach (var register in s_registers)
        {
            if (target[register] != source[register] && IsFlagImage(target[register], source[register]) && register != X86Register.Rip)
            {
                target[register] = source[register];
                adopted++;
            }
        }

        return adopted;
    }

    /// <summary>Whether two different values are images of RFLAGS that differ in the arithmetic flags alone.</summary>
    public static bool IsFlagImage(ulong first, ulong second) =>
        ((first ^ second) & ~Rflags.Arithmetic) == 0 && (first & Rflags.One) != 0 && (first & ~(Rflags.All | Rflags.One)) == 0;

    /// <summary>What is different, a line each with both values; empty if nothing is.</summary>
    public static IReadOnlyList<string> Compare(X86Cpu first, X86Cpu second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        var lines = new List<string>();
        foreach (var register in s_registers)
        {
            Add(lines, register.ToString().ToUpperInvariant(), first[register], second[register]);
        }

        foreach (var (name, offset, length) in Fields())
        {
            var one = new ReadOnlySpan<byte>((byte*)first.State + offset, length);
            var other = new ReadOnlySpan<byte>((byte*)second.State + offset, length);
            if (!one.SequenceEqual(other))
            {
                lines.Add($"{name}: {Convert.ToHexString(one)} and {Convert.ToHexString(other)}");
            }
        }

        return lines;
    }

    /// <summary>The next instruction with its address and bytes, as far as they can be read.</summary>
    public static string DescribeNext(X86Cpu cpu)
    {
        ArgumentNullException.ThrowIfNull(cpu);
        var code = new byte[BlockDecoder.MaxInstructionBytes];
        var rip = cpu[X86Register.Rip];
        var read = new MemoryProbe(cpu.Core).Read(rip + cpu.State->Cs.Base, code);
        var decoder = Decoder.Create(cpu.CodeBits, new ByteArrayCodeReader(code, 0, read), rip);
        var instruction = decoder.Decode();
        var bytes = Convert.ToHexString(code.AsSpan(0, Math.Min(read, Math.Max(1, instruction.Length))));
        return string.Create(CultureInfo.InvariantCulture, $"0x{rip:X} (CPL {cpu.Cpl}): {bytes}  {(instruction.IsInvalid ? "not readable or invalid" : instruction.ToString())}");
    }

    private static void Add(List<string> lines, string name, ulong first, ulong second)
    {
        if (first != second)
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: 0x{first:X} and 0x{second:X}"));
        }
    }

    /// <summary>The rest of the architectural state; lazy flags and what only one engine uses are not of it.</summary>
    private static (string Name, int Offset, int LengthBytes)[] Fields()
    {
        CpuState layout;
        var state = &layout;
        int At(void* field) => (int)((byte*)field - (byte*)state);
        return
        [
            ("segment registers", At(&state->Es), 8 * sizeof(SegmentRegister)),
            ("GDTR and IDTR", At(&state->GdtBase), At(&state->Cr0) - At(&state->GdtBase)),
            ("CR0", At(&state->Cr0), 8),
            ("CR2", At(&state->Cr2), 8),
            ("CR3", At(&state->Cr3), 8),
            ("CR4", At(&state->Cr4), 8),
            ("XCR0", At(&state->Xcr0), 8),
            ("EFER", At(&state->Efer), 8),
            ("PKRU and CPL", At(&state->Pkru), 8),
            ("debug registers", At(state->Dr), 8 * 8),
            ("PDPTEs", At(state->Pdpte), 4 * 8),
            ("x87 registers", At(state->X87), 8 * 16),
            ("x87 control, status, tags and opcode", At(&state->Fcw), 4 * 2),
            ("MXCSR", At(&state->Mxcsr), 4),
            ("x87 pointers", At(&state->Fip), 16 + 4),
            ("activity, shadow, NMI", At(&state->Activity), At(&state->PendingDebug) - At(&state->Activity)),
            ("pending debug exceptions", At(&state->PendingDebug), 4),
            ("instruction count", At(&state->InstructionCount), 8),
            ("model-specific registers", At(&state->SysenterCs), At(state->Vector) - 8 - At(&state->SysenterCs)),
            ("vector registers", At(state->Vector), 32 * 64),
        ];
    }
}
