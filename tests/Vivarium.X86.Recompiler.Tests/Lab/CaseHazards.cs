using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What processors do differently for some operands alone.</summary>
internal static unsafe class CaseHazards
{
    private const int Rcx = 1;
    private const int Rsi = 6;
    private const int Rdi = 7;
    private const int MostPages = 8;

    /// <summary>Whether an instruction may be such a thing, on a host or on an engine that uses it.</summary>
    public static bool MayBeOpen(in Instruction instruction) => DotProducts.Contains(instruction.Mnemonic) || IsNarrowRepetition(instruction) || IsRepeatedMove(instruction);

    /// <summary>Whether it is one, by what it is about to do.</summary>
    public static bool IsOpenBefore(in Instruction instruction, CpuState* state) =>
        (IsRepeatedMove(instruction) && OverlapsByAlias(instruction, state))
        || (IsNarrowRepetition(instruction) && ((state->Gpr[Rcx] | state->Gpr[Rsi] | state->Gpr[Rdi]) >> 32) != 0);

    /// <summary>Whether it was one: which of several NaNs a dot product leaves is the processor's choice (Intel SDM Vol. 2A, DPPS).</summary>
    public static bool IsOpenBehind(in Instruction instruction, CpuState* state)
    {
        if (!DotProducts.Contains(instruction.Mnemonic))
        {
            return false;
        }

        var number = instruction.Op0Register.GetNumber();
        return DotProducts.HasNaN(instruction.Mnemonic, FxImage.Xmm(state, number)) || (instruction.Op0Register.IsYMM() && DotProducts.HasNaN(instruction.Mnemonic, FxImage.YmmHigh(state, number)));
    }

    /// <summary>AMD leaves the upper halves of the registers of a repeated instruction with 32-bit addresses that executes no element.</summary>
    private static bool IsNarrowRepetition(in Instruction instruction) => !HostFeatures.IsIntel && HostDifferences.IsRepeated(instruction)
        && Enumerable.Range(0, instruction.OpCount).Select(instruction.GetOpKind).Any(kind => kind is OpKind.MemoryESEDI or OpKind.MemorySegESI or OpKind.MemorySegEDI);

    private static bool IsRepeatedMove(in Instruction instruction) => HostFeatures.IsIntel && HostDifferences.IsRepeated(instruction)
        && instruction.Mnemonic is Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd or Mnemonic.Movsq;

    /// <summary>
    /// Whether source and destination are the same memory at two linear addresses: fast-string operation reads and writes in pieces, and looks for
    /// an overlap by linear addresses alone (Intel SDM Vol. 1 §7.3.9.3).
    /// </summary>
    private static bool OverlapsByAlias(in Instruction instruction, CpuState* state)
    {
        var isNarrow = instruction.Op0Kind == OpKind.MemoryESEDI;
        var mask = isNarrow ? uint.MaxValue : ulong.MaxValue;
        var bytes = Math.Min(state->Gpr[Rcx] & mask, MostPages << 12) * (ulong)instruction.MemorySize.GetSize();
        var isDown = (state->FlagSystem & Rflags.Df) != 0;
        var segmentBase = instruction.MemorySegment switch { Register.FS => state->Fs.Base, Register.GS => state->Gs.Base, _ => 0UL };
        var sources = Pages((state->Gpr[Rsi] & mask) + segmentBase, bytes, isDown);
        var destinations = Pages(state->Gpr[Rdi] & mask, bytes, isDown);
        return sources.Any(source => destinations.Any(destination => source.Gpa == destination.Gpa && source.Linear != destination.Linear));
    }

    private static List<LabPage> Pages(ulong start, ulong bytes, bool isDown)
    {
        var first = isDown ? start - bytes : start;
        return [.. LabLayout.HostPages.Where(page => page.Linear + 0xFFF - first < bytes + 0x1FFE)];
    }
}
