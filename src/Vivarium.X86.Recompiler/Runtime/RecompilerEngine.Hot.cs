namespace Vivarium.X86;

/// <content>
/// Blocks that run often are translated again, with more effort. Which they are is found by samples: each slice ends before some block, more
/// likely before one that runs often. What a translation hoped for and did not find makes it give way to another, too.
/// </content>
internal sealed unsafe partial class RecompilerEngine
{
    /// <summary>
    /// A site that missed 1,024 times within so many units of 1,024 instructions is looked up in the TLB instead: there a miss of the site would
    /// have been a hit for less.
    /// </summary>
    private const uint SiteMissPeriod = 512;

    /// <summary>Units of 1,024 instructions that this vCPU has executed in emitted code.</summary>
    private uint Age => (uint)((_retired + _slice - _fields->Counter) >> 10);

    /// <summary>Counts a sample of a block. What runs from now on in its place, which may be itself. Under the cache's gate.</summary>
    private TranslatedBlock Sample(TranslatedBlock block)
    {
        if (block.IsHot || ++block.Samples < _cache.HotSamples || block.Key.Mode != _mode || !_cache.HasRoom)
        {
            return block;
        }

        return Replace(block, isHot: true) ?? block;
    }

    /// <summary>The entry of a site has counted another 1,024 misses.</summary>
    private void NoteSiteMisses(in OpRecord record)
    {
        var now = Age;
        ref var site = ref _core.Tlb.Sites[record.Site];
        if (site.Since == 0 || now - site.Since >= SiteMissPeriod)
        {
            site.Since = Math.Max(now, 1);
            return;
        }

        _core.Revocation?.Leave();
        lock (_cache.Gate)
        {
            _core.Revocation?.Enter();
            if (CanReplace(record.Block) is { } block)
            {
                _cache.Sites.GiveUp(record.Site);
                Replace(block, block.IsHot);
            }
        }
    }

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
    private TranslatedBlock? Replace(TranslatedBlock block, bool isHot)
    {
        var successor = Translate(block.Key, isHot);
        if (successor is not null)
        {
            _core.BeginExclusive();
            _cache.Redirect(block, successor);
            _core.EndExclusive();
        }

        return successor;
    }
}
