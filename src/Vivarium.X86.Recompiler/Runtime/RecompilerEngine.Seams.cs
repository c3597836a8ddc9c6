namespace Vivarium.X86;

/// <content>
/// Hot code goes on behind direct jumps. Into another page it follows them only to code that was translated by itself before: that block in the
/// jump cache is how emitted code knows that the page is still the one that was followed.
/// </content>
internal sealed unsafe partial class RecompilerEngine
{
    /// <summary>Linear pages that a run may be away from its first.</summary>
    private const int MaxPageDistance = 1 << 14;

    private readonly List<Seam> _seams = [];
    private readonly List<(int Page, ulong Gpa)> _runPages = [];

    /// <summary>
    /// Lets the decoded run go on where its last jump leads, or a conditional one that samples say is taken, again and again. The instruction pointer
    /// of its first instruction is <paramref name="rip"/> if known; else what <paramref name="previous"/> followed is followed again.
    /// </summary>
    private void FollowJumps(ulong? rip, TranslatedBlock? previous)
    {
        if (_cache.Stops.Any || _run.IsLoop)
        {
            return;
        }

        _runPages.Clear();
        _runPages.Add((0, _run.Gpa & ~0xFFFUL));
        var exits = previous?.Exits;
        var first = 0;
        while (_run.Count < BlockDecoder.MaxInstructions && KeepsMode(first))
        {
            var jump = first + (exits?.MostlyAfter() ?? 0) - 1;
            jump = jump >= first && jump < _run.Count && IsFixed(jump, isConditional: true) ? jump : _run.Count - 1;
            var target = _run.Ops[jump].Immediate;
            var offset = (int)target & 0xFFF;
            var page = _run.PageOf(jump) + (int)(target >> 12);
            if (!IsFixed(jump, jump != _run.Count - 1) || Math.Abs(page) > MaxPageDistance || _run.Holds(page, offset))
            {
                return;
            }

            first = jump + 1;
            if (!(GpaOf(page) is { } known ? FollowKnown(jump, page, known | (uint)offset, out exits) : FollowUnknown(jump, page, offset, rip, previous, out exits)))
            {
                return;
            }
        }
    }

    /// <summary>Whether an instruction jumps to a fixed place.</summary>
    private bool IsFixed(int i, bool isConditional)
    {
        ref readonly var op = ref _run.Ops[i];
        return op.Size == ((_mode & (TranslationMode)DecodeMode.Code64) != 0 ? 8 : 4)
            && (isConditional ? op.Code is >= OpCode.JumpO and <= OpCode.JumpNle && _run.Instructions[i].IsJccShortOrNear : op.Code == OpCode.Jump);
    }

    /// <summary>Whether instructions from <paramref name="first"/> on leave the mode of translation alone.</summary>
    private bool KeepsMode(int first)
    {
        for (var i = first; i < _run.Count; i++)
        {
            if (_run.Instructions[i].Mnemonic is Iced.Intel.Mnemonic.Stac or Iced.Intel.Mnemonic.Clac)
            {
                return false;
            }
        }

        return true;
    }

    private ulong? GpaOf(int page)
    {
        foreach (var each in _runPages)
        {
            if (each.Page == page)
            {
                return each.Gpa;
            }
        }

        return null;
    }

    private bool FollowKnown(int jump, int page, ulong gpa, out ExitSamples? exits)
    {
        exits = _cache.Find(new BlockKey(gpa, DecodedRun.NoPage, _mode))?.Exits;
        _run.Cut(jump + 1);
        if (!_finder.TryExtendRun(gpa, page, _run, _cache.Stops))
        {
            return false;
        }

        if (page != _run.PageOf(jump))
        {
            _seams.Add(new Seam(jump, SeamTable.None, null));
        }

        return true;
    }

    private bool FollowUnknown(int jump, int page, int offset, ulong? rip, TranslatedBlock? previous, out ExitSamples? exits)
    {
        exits = null;
        if (FindFollowed(page, offset, rip, previous) is not { } target)
        {
            return false;
        }

        exits = target.Exits;
        var cell = _cache.Seams.CellOf(new SeamKey(new BlockKey(_run.Gpa, DecodedRun.NoPage, _mode), _run.PlaceOf(jump), target));
        if (cell == SeamTable.None)
        {
            return false;
        }

        _run.Cut(jump + 1);
        if (!_finder.TryExtendRun(target.Key.Gpa, page, _run, _cache.Stops))
        {
            return false;
        }

        _runPages.Add((page, target.Key.Gpa & ~0xFFFUL));
        _seams.Add(new Seam(jump, cell, target));
        return true;
    }

    /// <summary>The block at a target in a page that the run was not in yet, or null if there is none.</summary>
    private TranslatedBlock? FindFollowed(int page, int offset, ulong? rip, TranslatedBlock? previous)
    {
        if (rip is { } start)
        {
            var target = (start & ~0xFFFUL) + ((ulong)page << 12) + (uint)offset;
            return _finder.TryRecall(target, out var gpa) ? _cache.Find(new BlockKey(gpa, DecodedRun.NoPage, _mode)) : null;
        }

        foreach (var followed in previous?.Followed ?? [])
        {
            if ((int)(followed.Key.Gpa & 0xFFF) == offset)
            {
                return _cache.Find(followed.Key);
            }
        }

        return null;
    }

    /// <summary>Empties the cells of a privilege: fetches are not translated any more as they were when those were filled.</summary>
    private void EmptyCells(bool isUser) => SeamTable.CellsOf(_state, isUser).Fill(SeamTable.Empty);
}
