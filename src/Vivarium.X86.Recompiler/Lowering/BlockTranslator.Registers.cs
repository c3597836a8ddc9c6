using Iced.Intel;

namespace Vivarium.X86;

/// <content>
/// Which guest register is in which of the host's. Between blocks that is fixed; within a block, registers that live in the state take the
/// places of those that it does not use, as a chain of operations through memory takes several times as long. They go back before every way
/// out of the block, and around callbacks.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>Accesses to a register in the state that cost more than a swap and the way back.</summary>
    private const int MinAccessesToSwap = 4;

    private readonly sbyte[] _homes = new sbyte[16];
    private readonly int[] _uses = new int[16];
    private readonly RegisterSwap[] _swaps = new RegisterSwap[4];
    private uint _written;
    private int _swapCount;
    private bool _isSwapped;

    /// <summary>Guest registers that may be displaced: no instruction uses them unsaid but those of <see cref="UsesUnsaid"/>.</summary>
    private static ReadOnlySpan<byte> Displaceable => [14, 13, 12, 5, 8, 7, 6];

    /// <summary>The host register of a guest register, or <see cref="HostRegister.None"/>.</summary>
    private int Of(int guest) => _homes[guest];

    /// <summary>Chooses the swaps of the run.</summary>
    private void AssignRegisters()
    {
        for (var guest = 0; guest < 16; guest++)
        {
            _homes[guest] = (sbyte)HostRegister.Of(guest);
        }

        _swapCount = 0;
        _isSwapped = false;
        Array.Clear(_uses);
        _written = 0;
        if (!_isHot)
        {
            return;
        }

        for (var i = 0; i < _run.Count; i++)
        {
            CountUses(i);
        }

        foreach (var displaced in Displaceable)
        {
            if (_uses[displaced] != 0)
            {
                continue;
            }

            var guest = MostUsedInState();
            if (guest < 0)
            {
                return;
            }

            _swaps[_swapCount++] = new RegisterSwap(guest, displaced, HostRegister.Of(displaced), (_written >> guest & 1) != 0);
            _homes[guest] = (sbyte)HostRegister.Of(displaced);
            _homes[displaced] = HostRegister.None;
        }
    }

    private int MostUsedInState()
    {
        var best = -1;
        for (var guest = 0; guest < 16; guest++)
        {
            if (_homes[guest] == HostRegister.None && HostRegister.Of(guest) == HostRegister.None && _uses[guest] >= MinAccessesToSwap
                && (best < 0 || _uses[guest] > _uses[best]))
            {
                best = guest;
            }
        }

        return best;
    }

    private void CountUses(int i)
    {
        if (_kinds[i] == LoweringKind.Interpret)
        {
            return;
        }

        ref readonly var instruction = ref InstructionAt(i);
        if (_kinds[i] == LoweringKind.LeaveFrame)
        {
            _uses[GuestRbp]++;
        }
        else if (UsesUnsaid(_kinds[i]))
        {
            foreach (var guest in Displaceable)
            {
                _uses[guest]++;
            }
        }

        var traits = _traits.Of(instruction);
        for (var k = 0; k < instruction.OpCount; k++)
        {
            if (instruction.GetOpKind(k) == OpKind.Register && instruction.GetOpRegister(k).IsGPR())
            {
                var guest = RegisterMap.General(instruction.GetOpRegister(k)) >> 3;
                _uses[guest] += (traits.Reads(k) ? 1 : 0) + (traits.Writes(k) ? 1 : 0);
                _written |= traits.Writes(k) ? 1u << guest : 0;
            }
        }

        CountUse(instruction.MemoryBase);
        CountUse(instruction.MemoryIndex);
    }

    private void CountUse(Register register)
    {
        if (register.IsGPR())
        {
            _uses[register.GetFullRegister() - Register.RAX]++;
        }
    }

    /// <summary>Whether instructions of a kind may use registers that are no operands of theirs, other than RAX, RCX, RDX, RBX and RSP.</summary>
    private static bool UsesUnsaid(LoweringKind kind) => kind is not (LoweringKind.Nothing or LoweringKind.Reencode or LoweringKind.BitTest
        or LoweringKind.AlignedVector or LoweringKind.Vector or LoweringKind.X87 or LoweringKind.Mmx or LoweringKind.LoadMxcsr or LoweringKind.ClearVectors or LoweringKind.Copy
        or LoweringKind.LoadAddress or LoweringKind.MoveImmediate or LoweringKind.Push or LoweringKind.Pop or LoweringKind.Divide
        or LoweringKind.DirectionFlag or LoweringKind.ClearInterrupts or LoweringKind.PushFlags or LoweringKind.SwapGs
        or LoweringKind.ConditionalJump or LoweringKind.FollowedJump or LoweringKind.CheckedJump or LoweringKind.Jump or LoweringKind.Call or LoweringKind.Return);

    /// <summary>At the entry of the block.</summary>
    private void BeginRegisters()
    {
        for (var k = 0; k < _swapCount; k++)
        {
            _a.Store(8, HostOperand.Gpr(_swaps[k].Displaced), _swaps[k].Host);
            _a.Load(8, _swaps[k].Host, HostOperand.Gpr(_swaps[k].Guest));
        }

        _isSwapped = _swapCount != 0;
    }

    /// <summary>Before the block is left for good: from here on each register is where other blocks expect it. Flags and temporaries stay.</summary>
    private void EndRegisters()
    {
        if (!_isSwapped)
        {
            return;
        }

        GiveBackRegisters();
        for (var k = 0; k < _swapCount; k++)
        {
            _homes[_swaps[k].Guest] = HostRegister.None;
            _homes[_swaps[k].Displaced] = (sbyte)_swaps[k].Host;
        }

        _isSwapped = false;
    }

    /// <summary>On a way out, or before a callback: as other blocks expect them. Flags and temporaries stay.</summary>
    private void GiveBackRegisters()
    {
        for (var k = 0; k < _swapCount; k++)
        {
            if (_swaps[k].IsWritten)
            {
                _a.Store(8, HostOperand.Gpr(_swaps[k].Guest), _swaps[k].Host);
            }

            _a.Load(8, _swaps[k].Host, HostOperand.Gpr(_swaps[k].Displaced));
        }
    }

    /// <summary>Behind a callback, which leaves every register's value in the state too.</summary>
    private void TakeRegistersAgain()
    {
        for (var k = 0; k < _swapCount; k++)
        {
            _a.Load(8, _swaps[k].Host, HostOperand.Gpr(_swaps[k].Guest));
        }
    }
}
