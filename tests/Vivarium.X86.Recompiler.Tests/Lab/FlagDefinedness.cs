using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Which arithmetic flags the manual leaves undefined at each instruction of a program, on any path to it.</summary>
internal sealed class FlagDefinedness
{
    private readonly List<Instruction> _instructions;
    private readonly ulong[] _before;

    /// <summary>What each instruction leaves undefined, and what it defines.</summary>
    private readonly (ulong Undefined, ulong Written)[] _effects;

    public FlagDefinedness(List<Instruction> instructions, Dictionary<ulong, int> indices)
    {
        _instructions = instructions;
        _before = new ulong[instructions.Count];
        _effects = new (ulong, ulong)[instructions.Count];
        for (var i = 0; i < instructions.Count; i++)
        {
            _effects[i] = Effect(instructions[i]);
        }

        Solve(indices);
        FirstUndefinedRead = -1;
        for (var i = 0; i < instructions.Count && FirstUndefinedRead < 0; i++)
        {
            if (_before[i] == 0)
            {
                continue;
            }

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
    public ulong Anywhere
    {
        get
        {
            var all = 0UL;
            for (var i = 0; i < _before.Length; i++)
            {
                all |= After(i);
            }

            return all;
        }
    }

    public ulong Before(int index) => _before[index];

    private ulong After(int index) => (_before[index] & ~_effects[index].Written) | _effects[index].Undefined;

    private void Solve(Dictionary<ulong, int> indices)
    {
        List<int>? returns = null;
        for (var changed = true; changed;)
        {
            changed = false;
            for (var i = 0; i < _instructions.Count; i++)
            {
                // Most programs leave nothing undefined, and then there is nothing to pass on.
                if (After(i) is var after && after != 0)
                {
                    changed |= Pass(after, i, indices, ref returns);
                }
            }
        }
    }

    /// <summary>Gives flags to where an instruction may go on. An indirect branch may go anywhere in the program.</summary>
    private bool Pass(ulong flags, int index, Dictionary<ulong, int> indices, ref List<int>? returns)
    {
        var changed = false;
        var flow = _instructions[index].FlowControl;
        if (flow is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch or FlowControl.Call
            && indices.TryGetValue(_instructions[index].NearBranchTarget, out var branch))
        {
            changed = Add(flags, branch);
        }

        if (flow is FlowControl.Return)
        {
            returns ??= [.. Enumerable.Range(0, _instructions.Count).Where(IsReturnTarget)];
            foreach (var target in returns)
            {
                changed |= Add(flags, target);
            }
        }
        else if (flow is FlowControl.IndirectBranch or FlowControl.IndirectCall)
        {
            for (var i = 0; i < _instructions.Count; i++)
            {
                changed |= Add(flags, i);
            }
        }
        else if (flow is not FlowControl.UnconditionalBranch && index + 1 < _instructions.Count)
        {
            changed |= Add(flags, index + 1);
        }

        return changed;
    }

    private bool Add(ulong flags, int index)
    {
        var changed = (flags & ~_before[index]) != 0;
        _before[index] |= flags;
        return changed;
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

    /// <summary>What an instruction leaves undefined, and what it defines.</summary>
    public static (ulong Undefined, ulong Written) Effect(in Instruction instruction)
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

        return (undefined, written);
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

    /// <summary>The same in RFLAGS.</summary>
    public static ulong Bits(RflagsBits bits)
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
