using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// Goes through a case on the interpreter, one instruction at a time, where the program alone does not tell enough: which flags are undefined
/// behind branches that may lead anywhere, and whether it does what processors do differently for some operands alone.
/// </summary>
internal sealed unsafe class CaseTrace(bool likeHost) : IDisposable
{
    private readonly LabMachine _machine = new(static () => null, likeHost, isExact: true);
    private Instruction _last;
    private long _before;
    private ulong _undefined;
    private bool _isOpen;

    /// <summary>Arithmetic flags that may be undefined where a case ends, of the exception that ended it: it is traced if that is not known otherwise.</summary>
    /// <param name="program">What runs.</param>
    /// <param name="state">What it starts with.</param>
    /// <param name="undefined">The flags.</param>
    /// <returns>False if its outcome is open: processors may differ in it.</returns>
    public bool TryTrace(LabProgram program, LabState state, out ulong undefined)
    {
        (_last, _before, _undefined, _isOpen) = (default, 0, 0, false);
        _machine.Run(program, state, 1, rip => Pass(program, rip));

        // The handler's HLT counts. What a fault ended does not.
        if (!likeHost || _machine.Exit.Instructions - _before > 1)
        {
            Complete();
        }

        undefined = _undefined;
        return !_isOpen;
    }

    public void Dispose() => _machine.Dispose();

    /// <summary>Before each instruction of the case: the one before is complete. What a branch finds that leads out of the program may be one that AMD reads otherwise.</summary>
    private void Pass(LabProgram program, ulong rip)
    {
        if (rip - LabLayout.Kernel < LabLayout.KernelPages << 12)
        {
            return;
        }

        Complete();
        _before = _machine.Exit.Instructions;
        var isKnown = program.Contains(rip);
        _last = isKnown && !program.At(rip).IsInvalid ? program.At(rip) : Decode(rip);
        var read = _last.Mnemonic == Mnemonic.Syscall ? Rflags.Arithmetic : FlagDefinedness.Bits(_last.RflagsRead);
        _isOpen |= (read & _undefined) != 0 || (likeHost && (CaseHazards.IsOpenBefore(_last, _machine.State) || (!isKnown && !HostFeatures.IsIntel)));
    }

    private void Complete()
    {
        var (undefined, written) = FlagDefinedness.Effect(_last);
        _undefined = (_undefined & ~written) | undefined;
        _isOpen |= CaseHazards.IsOpenBehind(_last, _machine.State);
        _last = default;
    }

    private Instruction Decode(ulong rip)
    {
        Span<byte> code = stackalloc byte[15];
        var length = 0;
        foreach (ref var next in code)
        {
            var linear = rip + (ulong)length;
            if (LabLayout.HostPages.FirstOrDefault(page => page.Linear == (linear & ~0xFFFUL)) is not { Gpa: not 0 } page)
            {
                break;
            }

            _machine.Memory.TryRead(page.Gpa | (linear & 0xFFF), new Span<byte>(ref next));
            length++;
        }

        return Decoder.Create(64, code[..length].ToArray(), rip).Decode();
    }
}
