using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Which arithmetic flags the manual leaves undefined at each instruction of a program, on any path to it.</summary>
internal sealed class FlagDefinedness
{
    private readonly IReadOnlyList<Instruction> _instructions;
    private readonly ulong[] _before;

    public FlagDefinedness(IReadOnlyList<Instruction> instructions, IReadOnlyDictionary<ulong, int> indices)
    {
        _instructions = instructions;
        _before = new ulong[instructions.Count];
        Solve(indices);
        FirstUndefinedRead = -1;
        for (var i = 0; i < instructions.Count && FirstUndefinedRead < 0; i++)
        {
            // R11 gets all of them.
            var read = instructions[i].Mnemonic == Mnemonic.Syscall ? Rflags.Arithmetic : Bits(instructions[i].RflagsRead);
            if ((read & _before[i]) != 0)
            {
                FirstUndefinedRead = i;
            }
        }
    }

    public int FirstUndefinedRead { get; }

    /// <summary>What may be undefined behind any instruction.</summary>
    public ulong Anywhere => _instructions.Select((instruction, index) => After(instruction, _before[index])).Aggregate(0UL, (all, flags) => all | flags);

    public ulong Before(int index) => _before[index];

    private void Solve(IReadOnlyDictionary<ulong, int> indices)
    {
        var returns = Enumerable.Range(0, _instructions.Count).Where(IsReturnTarget).ToArray();
        for (var changed = true; changed;)
        {
            changed = false;
            for (var i = 0; i < _instructions.Count; i++)
            {
                var after = After(_instructions[i], _before[i]);
                foreach (var next in Successors(i, indices, returns))
                {
                    changed |= (after & ~_before[next]) != 0;
                    _before[next] |= after;
                }
            }
        }
    }

    /// <summary>Whether a RET may lead to an instruction: it is behind a call, or its address was put into a register.</summary>
    private bool IsReturnTarget(int index) =>
        (index > 0 && _instructions[index - 1].FlowControl is FlowControl.Call or FlowControl.IndirectCall)
        || _instructions.Any(other => AddressIn(other) == _instructions[index].IP);

    /// <summary>The address that an instruction puts into a register; 0 if it does not.</summary>
    public static ulong AddressIn(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Lea when instruction.IsIPRelativeMemoryOperand => instruction.IPRelativeMemoryAddress,
        Mnemonic.Mov when instruction.Op1Kind == OpKind.Immediate32 => instruction.Immediate32,
        _ => 0,
    };

    /// <summary>Where it may go on. An indirect branch may go anywhere in the program.</summary>
    private IEnumerable<int> Successors(int index, IReadOnlyDictionary<ulong, int> indices, int[] returns)
    {
        var flow = _instructions[index].FlowControl;
        if (flow is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch or FlowControl.Call
            && indices.TryGetValue(_instructions[index].NearBranchTarget, out var branch))
        {
            yield return branch;
        }

        if (flow is FlowControl.Return)
        {
            foreach (var target in returns)
            {
                yield return target;
            }
        }
        else if (flow is FlowControl.IndirectBranch or FlowControl.IndirectCall)
        {
            for (var i = 0; i < _instructions.Count; i++)
            {
                yield return i;
            }
        }
        else if (flow is not FlowControl.UnconditionalBranch && index + 1 < _instructions.Count)
        {
            yield return index + 1;
        }
    }

    private static ulong After(in Instruction instruction, ulong before)
    {
        var undefined = Bits(instruction.RflagsUndefined);
        var written = Bits(instruction.RflagsWritten | instruction.RflagsCleared | instruction.RflagsSet);
        if (IsCounted(instruction, out var count))
        {
            // A rotation by more than one leaves OF undefined, by a whole turn too. SHL and SHR leave CF undefined once everything was shifted out; a count of zero leaves all flags as they were.
            var bits = instruction.Op0Kind == OpKind.Register ? instruction.Op0Register.GetSize() * 8 : instruction.MemorySize.GetSize() * 8;
            var isRotation = instruction.Mnemonic is Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr;
            undefined |= isRotation && (count & (bits == 64 ? 63 : 31)) > 1 ? Rflags.Of : 0;
            var isLogical = instruction.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr;
            undefined |= isLogical && bits < 32 && (count is null || (count & 31) >= bits) ? Rflags.Cf : 0;
            written = count is null ? 0 : written;
        }
        else if (instruction.HasRepPrefix || instruction.HasRepnePrefix)
        {
            written = instruction.Mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Cmpsq
                or Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd or Mnemonic.Scasq ? 0 : written;
        }

        return (before & ~written) | undefined;
    }

    /// <summary>Shifts and rotates; the count is null when CL holds it.</summary>
    private static bool IsCounted(in Instruction instruction, out int? count)
    {
        count = null;
        if (instruction.Mnemonic is not (Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr
            or Mnemonic.Shld or Mnemonic.Shrd))
        {
            return false;
        }

        var last = instruction.OpCount - 1;
        if (instruction.GetOpKind(last) != OpKind.Register)
        {
            count = (int)instruction.GetImmediate(last);
        }

        return true;
    }

    private static ulong Bits(RflagsBits bits)
    {
        var flags = 0UL;
        flags |= (bits & RflagsBits.CF) != 0 ? Rflags.Cf : 0;
        flags |= (bits & RflagsBits.PF) != 0 ? Rflags.Pf : 0;
        flags |= (bits & RflagsBits.AF) != 0 ? Rflags.Af : 0;
        flags |= (bits & RflagsBits.ZF) != 0 ? Rflags.Zf : 0;
        flags |= (bits & RflagsBits.SF) != 0 ? Rflags.Sf : 0;
        flags |= (bits & RflagsBits.OF) != 0 ? Rflags.Of : 0;
        return flags;
    }
}
