using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// Jumps that a run follows. Within the page they cost nothing. Into another page they compare the page that the code runs at with a cell: what
/// was followed is right there as long as fetches are translated the same way. Where it differs, the jump cache finds the target, and the cell
/// is filled if that is the block whose code was followed.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private readonly List<Seam> _seams = [];
    private int _lastFollowed;

    private void TakeSeams(ReadOnlySpan<Seam> seams)
    {
        _seams.Clear();
        _seams.AddRange(seams);
        _lastFollowed = -1;
        for (var i = 0; i < _run.Count; i++)
        {
            _lastFollowed = _run.IsFollowed(i) ? i : _lastFollowed;
        }
    }

    private Seam? SeamAt(int jump)
    {
        foreach (var seam in _seams)
        {
            if (seam.Jump == jump)
            {
                return seam;
            }
        }

        return null;
    }

    private static TranslatedBlock[] FollowedBlocks(ReadOnlySpan<Seam> seams)
    {
        if (seams.IsEmpty)
        {
            return [];
        }

        var blocks = new List<TranslatedBlock>();
        foreach (var seam in seams)
        {
            if (seam.Target is not null)
            {
                blocks.Add(seam.Target);
            }
        }

        return [.. blocks];
    }

    /// <summary>On behind a jump that the run follows, where a conditional one was taken.</summary>
    private void FollowJump(int i)
    {
        KeepHeldAddress();
        if (SeamAt(i) is not { } seam)
        {
            return;
        }

        var target = (int)OpAt(i)->Immediate;
        if (seam.Cell != SeamTable.None)
        {
            var flags = TakeFlags(i + 1);
            LoadCodePage();
            _a.AluLoad(8, 7, Data, CellOf(seam));
            _edgeStubs.Add(new EdgeStub { Condition = _a.JumpIf(5), Target = target, Count = i + 1, Flags = flags, IsSwapped = _isSwapped, PageDistance = _pageDistance, Seam = seam });
        }

        _pageDistance += target & ~0xFFF;
    }

    private static HostOperand CellOf(in Seam seam) => HostOperand.State(SeamTable.TableOffset + (seam.Cell * sizeof(ulong)));

    /// <summary>With the offset of the target's jump cache entry in <see cref="Address"/>: fills the cell if the entry's code is that of the block that was followed.</summary>
    private void FillCell(in Seam seam)
    {
        _a.LoadRelativeAddress(Data, _a.Position);
        _cache.Link(_cache.AddEdge(_a.Position - sizeof(int), null), seam.Target!);
        _a.AluLoad(8, 7, Data, new HostOperand(State, Address, 0, JumpCacheEntry.TableOffset + JumpCacheEntry.CodeOffset));
        var differs = _a.JumpIf(5);
        _a.Load(8, Data, RipPage);
        _a.Store(8, CellOf(seam), Data);
        _a.Bind(differs);
    }

    /// <summary>Has the host compute the flags of an operation again, from where guest registers are between blocks. Uses both temporaries.</summary>
    private void EmitFlags(in FlagRecovery recovery)
    {
        const int Add = 0, And = 4, Subtract = 5, Compare = 7;
        if (recovery.Kind == FlagRecoveryKind.Zero)
        {
            _a.AluRegister(4, Subtract, Data, Data);
            return;
        }

        LoadRecovered(Data, recovery.First);
        if (recovery.Kind is FlagRecoveryKind.ShiftLeft or FlagRecoveryKind.ShiftRight or FlagRecoveryKind.ShiftRightSigned)
        {
            _a.Shift(recovery.Size, recovery.Kind switch { FlagRecoveryKind.ShiftLeft => 4, FlagRecoveryKind.ShiftRight => 5, _ => 7 }, Data, recovery.Immediate);
            return;
        }

        if (recovery.Second == FlagRecovery.NoRegister)
        {
            _a.MoveImmediate(Address, recovery.Immediate);
        }
        else
        {
            LoadRecovered(Address, recovery.Second);
        }

        switch (recovery.Kind)
        {
            case FlagRecoveryKind.Add:
                EmitSized(recovery.Size, Subtract, Address);
                EmitSized(recovery.Size, Add, Address);
                break;
            case FlagRecoveryKind.Subtract:
                EmitSized(recovery.Size, Add, Address);
                EmitSized(recovery.Size, Subtract, Address);
                break;
            case FlagRecoveryKind.Compare: EmitSized(recovery.Size, Compare, Address); break;
            case FlagRecoveryKind.Test: EmitSized(recovery.Size, And, Address); break;
            default: EmitSized(recovery.Size, And, Data); break;
        }
    }

    /// <summary>A guest register, AH to BH included, by its offset in the state.</summary>
    private void LoadRecovered(int temporary, ushort offset)
    {
        if (offset == FlagRecovery.KeptOperand)
        {
            _a.Load(8, temporary, KeptOperand);
            return;
        }

        var host = HostRegister.Of(offset >> 3);
        if (host == None)
        {
            _a.Load(8, temporary, HostOperand.Gpr(offset >> 3));
        }
        else
        {
            _a.Move(8, temporary, host);
        }

        if ((offset & 7) != 0)
        {
            _a.Shift(4, 5, temporary, 8);
        }
    }

    /// <summary>An operation of <see cref="Data"/> with a register, of 1 to 8 bytes.</summary>
    private void EmitSized(int sizeBytes, int operation, int register)
    {
        if (sizeBytes == 2)
        {
            _a.Byte(0x66);
        }

        if (sizeBytes != 1)
        {
            _a.AluRegister(sizeBytes, operation, Data, register);
            return;
        }

        _a.Rex(false, Data, 0, register, force: true);
        _a.Byte((operation << 3) | 2);
        _a.ModRm(Data, register);
    }
}
