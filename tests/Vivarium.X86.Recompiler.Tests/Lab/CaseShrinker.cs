using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Smaller versions of a case, the most promising first.</summary>
internal static class CaseShrinker
{
    private static readonly LabState s_default = new();

    public static IEnumerable<LabCase> Shrink(LabCase made) => Programs(made).Concat(States(made)).Where(smaller => smaller.Program is not null);

    /// <summary>Goes on to a smaller failing case as long as there is one.</summary>
    public static LabCase Minimise(LabCase made, Func<LabCase, bool> fails)
    {
        while (Shrink(made).FirstOrDefault(fails) is { } smaller)
        {
            made = smaller;
        }

        return made;
    }

    private static IEnumerable<LabCase> Programs(LabCase made)
    {
        for (var size = made.Steps.Count / 2; size > 0; size /= 2)
        {
            for (var start = made.Steps.Count - size; start >= 0; start -= size)
            {
                yield return made.With(Remove(made.Steps, start, size));
            }
        }

        for (var i = 0; i < made.Steps.Count; i++)
        {
            foreach (var simpler in Simplify(made.Steps[i]))
            {
                var steps = made.Steps.ToArray();
                steps[i] = simpler;
                yield return made.With(steps);
            }
        }

        if (made.Offset != 0)
        {
            yield return made.With(offset: 0);
        }
    }

    private static List<LabStep> Remove(IReadOnlyList<LabStep> steps, int start, int count)
    {
        var kept = new List<LabStep>();
        for (var i = 0; i < steps.Count; i++)
        {
            if (i < start || i >= start + count)
            {
                var target = steps[i].Target;
                kept.Add(steps[i] with { Target = target >= start + count ? target - count : Math.Min(target, start) });
            }
        }

        return kept;
    }

    /// <summary>Fewer bytes where they are given, else a simpler instruction.</summary>
    private static IEnumerable<LabStep> Simplify(LabStep step) => step.Encoding is { Length: > 1 } bytes
        ? Enumerable.Range(0, bytes.Length).Select(at => step with { Encoding = [.. bytes[..at], .. bytes[(at + 1)..]] })
        : step.Encoding is null ? Simplify(step.Instruction).Select(simpler => step with { Instruction = simpler }) : [];

    private static IEnumerable<Instruction> Simplify(Instruction instruction)
    {
        if (instruction.HasLockPrefix || instruction.HasRepPrefix || instruction.HasRepnePrefix)
        {
            var plain = instruction;
            plain.HasLockPrefix = plain.HasRepPrefix = plain.HasRepnePrefix = false;
            yield return plain;
        }

        if (instruction.MemoryIndex is not (Register.None or Register.AL))
        {
            var plain = instruction;
            plain.MemoryIndex = Register.None;
            plain.MemoryIndexScale = 1;
            yield return plain;
        }

        if (instruction.MemoryBase is not (Register.None or Register.RIP) && instruction.MemoryDisplacement64 != 0)
        {
            var plain = instruction;
            plain.MemoryDisplacement64 = 0;
            yield return plain;
        }

        if (instruction.SegmentPrefix != Register.None)
        {
            var plain = instruction;
            plain.SegmentPrefix = Register.None;
            yield return plain;
        }
    }

    private static IEnumerable<LabCase> States(LabCase made)
    {
        var state = made.State;
        for (var i = 0; i < 16; i++)
        {
            var number = i;
            if (state.Gpr[i] != 0 && i != 4)
            {
                yield return Changed(copy => copy.Gpr[number] = 0);
                if (state.Gpr[i] > 1)
                {
                    yield return Changed(copy => copy.Gpr[number] = 1);
                }
            }
        }

        if (!state.Fx.AsSpan().SequenceEqual(s_default.Fx))
        {
            yield return Changed(copy => s_default.Fx.CopyTo(copy.Fx, 0));
            foreach (var (start, length) in ImageParts())
            {
                if (!state.Fx.AsSpan(start, length).SequenceEqual(s_default.Fx.AsSpan(start, length)))
                {
                    yield return Changed(copy => s_default.Fx.AsSpan(start, length).CopyTo(copy.Fx.AsSpan(start)));
                }
            }
        }

        foreach (var bit in Enumerable.Range(0, 22).Select(i => 1UL << i).Where(bit => bit != 2 && (state.Flags & bit) != 0))
        {
            yield return Changed(copy => copy.Flags &= ~bit);
        }

        if (state.FsBase != 0)
        {
            yield return Changed(copy => copy.FsBase = 0);
        }

        if (state.GsBase != 0)
        {
            yield return Changed(copy => copy.GsBase = 0);
        }

        if (state.Data != 0)
        {
            yield return Changed(copy => copy.Data = 0);
        }

        if (state.HasSmap)
        {
            yield return Changed(copy => copy.HasSmap = false);
        }

        if (state.SystemCall != 0)
        {
            yield return Changed(copy => copy.SystemCall = 0);
        }

        if (state.FlagMask != 0)
        {
            yield return Changed(copy => copy.FlagMask = 0);
        }

        if (!state.UsesIst && made.Mode.Bits() == 64)
        {
            yield return Changed(copy => copy.UsesIst = true);
        }

        LabCase Changed(Action<LabState> change)
        {
            var copy = state.Copy();
            change(copy);
            return made.With(state: copy);
        }
    }

    /// <summary>Control words and registers of an FXSAVE image.</summary>
    private static IEnumerable<(int Start, int Length)> ImageParts()
    {
        yield return (0, 2);
        yield return (2, 2);
        yield return (4, 1);
        yield return (FxImage.MxcsrOffset, 4);
        for (var i = 0; i < 24; i++)
        {
            yield return (FxImage.X87RegistersOffset + (i * 16), 16);
        }
    }
}
