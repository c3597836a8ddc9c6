namespace Vivarium.X86;

/// <content>
/// Blocks that run often are translated again, with more effort. Which they are is found by samples: each slice ends before some block, more
/// likely before one that runs often. What a translation hoped for and did not find makes it give way to another, too.
/// </content>
internal sealed unsafe partial class RecompilerEngine
{
    /// <summary>A miss of a site takes this many times what a hit saves against a lookup in the TLB.</summary>
    private const int SiteMissCost = 12;

    /// <summary>Blocks from a sampled one on that run alone, to see by which exits they are left; each costs a way to C# and back.</summary>
    private const int BlocksOfProbe = 4;

    /// <summary>Most blocks are sampled once or never again.</summary>
    private const int MinSamplesToProbe = 3;

    /// <summary>Misses below this are no ground to judge by.</summary>
    private const int MinSiteMisses = 32;

    /// <summary>Misses of a site between two calls of emitted code.</summary>
    private const int CountedSiteMisses = 256;

    /// <summary>Units of 1,024 instructions that this vCPU has executed in emitted code.</summary>
    private uint Age => (uint)((_retired + _slice - _fields->Counter) >> 10);

    /// <summary>Counts a sample of a block. What runs from now on in its place, which may be itself. Under the cache's gate.</summary>
    private TranslatedBlock Sample(TranslatedBlock block, ulong rip)
    {
        if (block.Samples++ == 0)
        {
            block.FirstSampled = Age;
        }

        if (block.IsHot || block.Samples < _cache.HotSamples || block.Key.Mode != _mode || !_cache.HasRoom)
        {
            _probesLeft = block.IsHot || block.Samples < MinSamplesToProbe ? 0 : BlocksOfProbe;
            return block;
        }

        if (Replace(block, isHot: true, rip) is not { } hot)
        {
            return block;
        }

        // Of each slice, one sample: so many of them were the block's.
        var age = Math.Max(1, Age - block.FirstSampled);
        hot.RunsPerUnit = (block.Samples - 1) * (double)SliceInstructions / age / block.Instructions;
        return hot;
    }

    /// <summary>The entry of a site has counted all the misses that it can.</summary>
    private void NoteSiteMisses(in OpRecord record)
    {
        _core.Revocation?.Leave();
        lock (_cache.Gate)
        {
            _core.Revocation?.Enter();
            if (_cache.Generation != _generation)
            {
                // Another vCPU emptied the cache while this one waited for it: the record, its block and its site stand for nothing any more.
                return;
            }

            var now = Age;
            if (_core.Tlb.Sites.HistoryOf(record.Site).Since == 0 || IsWorthItsEntry(record.Site, CountedSiteMisses, _cache.BlockAt(record.Block).RunsPerUnit, now))
            {
                _core.Tlb.Sites.HistoryOf(record.Site).Since = Math.Max(1, now);
                return;
            }

            if (CanReplace(record.Block) is { } block)
            {
                _cache.Sites.GiveUp(record.Site);
                GiveUpOthers(block, now);
                Replace(block, isHot: true, null);
            }
        }
    }

    /// <summary>Those of a block's sites that are no better, so that it is not translated again for each.</summary>
    private void GiveUpOthers(TranslatedBlock block, uint now)
    {
        for (var site = 0; site < _cache.Sites.Count; site++)
        {
            var misses = _core.Tlb.Sites.HistoryOf(site).Misses;
            if (_cache.Sites.KeyOf(site).Block == block.Key && misses >= MinSiteMisses && !IsWorthItsEntry(site, misses, block.RunsPerUnit, now))
            {
                _cache.Sites.GiveUp(site);
            }
        }
    }

    private bool IsWorthItsEntry(int site, int misses, double runsPerUnit, uint now) =>
        misses * SiteMissCost < (now - _core.Tlb.Sites.HistoryOf(site).Since) * runsPerUnit;

    /// <summary>The block of a number if it is in use and can be translated again now; null if not. Under the cache's gate.</summary>
    private TranslatedBlock? CanReplace(int number)
    {
        if (_cache.Generation != _generation || !_cache.HasRoom)
        {
            return null;
        }

        var block = _cache.BlockAt(number);
        return _cache.Find(block.Key) == block && block.Key.Mode == _mode ? block : null;
    }

    /// <summary>Translates a block again and lets whoever enters it go on in the new code. Under the cache's gate.</summary>
    /// <param name="block">The block.</param>
    /// <param name="isHot">Whether it runs often.</param>
    /// <param name="rip">Where it is, unless it runs now.</param>
    private TranslatedBlock? Replace(TranslatedBlock block, bool isHot, ulong? rip)
    {
        var successor = Translate(block.Key, isHot, rip, block);
        if (successor is not null)
        {
            successor.RunsPerUnit = block.RunsPerUnit;
            _core.BeginExclusive();
            _cache.Redirect(block, successor);
            _core.EndExclusive();
        }

        return successor;
    }
}
