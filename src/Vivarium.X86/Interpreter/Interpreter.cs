using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>Executes decoded blocks: a dense switch over decoded operations, chained without leaving the method.</summary>
internal sealed unsafe partial class Interpreter : IExecutionEngine
{
    private const int JumpCacheSize = 4096;

    private readonly CpuCore _core;
    private readonly JumpCacheEntry[] _jumpCache = GC.AllocateArray<JumpCacheEntry>(JumpCacheSize, pinned: true);
    private readonly JumpCacheEntry* _jumps;

    public Interpreter(CpuCore core)
    {
        _core = core;
        Finder = new BlockFinder(core);

        // SAFETY: the array is pinned for life.
        _jumps = (JumpCacheEntry*)Unsafe.AsPointer(ref _jumpCache[0]);
    }

    public BlockFinder Finder { get; }

    /// <inheritdoc/>
    public long Execute(long budget)
    {
        Finder.Refresh();
        var block = Lookup(_core.State->Rip, Finder.Context);
        return block == null ? budget : Execute(block, budget);
    }

    /// <summary>Runs one instruction from bytes decoded afresh; stores to code pages go through.</summary>
    public long ExecuteAlone(long budget)
    {
        Finder.Refresh();
        var block = Finder.FindAlone(_core.State->Rip);
        if (block == null)
        {
            return budget;
        }

        _core.RunsAlone = true;
        var left = Execute(block, 0);
        _core.RunsAlone = false;
        return budget + left;
    }

    /// <summary>Runs one block, or of a longer one as much as <paramref name="budget"/> allows: never more. Returns the budget that is left.</summary>
    public long ExecuteWithin(long budget)
    {
        Finder.Refresh();
        var block = Lookup(_core.State->Rip, Finder.Context);
        if (block == null)
        {
            return budget;
        }

        // With a budget that is used up from the beginning it comes back at the first way out.
        return budget + Execute(block->Count <= budget ? block : Finder.Shorten(block, (int)budget), 0);
    }

    /// <inheritdoc/>
    public void InvalidateCode(ulong pageGpa) => Finder.Cache.Invalidate(pageGpa);

    /// <inheritdoc/>
    public void Clear() => Finder.Cache.Clear();

    /// <inheritdoc/>
    public ulong? FindStaleCode() => Finder.Cache.FindStale(_core.Memory);

    /// <inheritdoc/>
    public void HoldOffset(ulong address) => Clear();

    /// <inheritdoc/>
    public void ReleaseOffset(ulong address)
    {
        // The finder's own set has it.
    }

    /// <inheritdoc/>
    public void Interrupt()
    {
        // It asks the core before each block.
    }

    public void Dispose() => Finder.Dispose();

    private Block* Lookup(ulong rip, ulong context)
    {
        var entry = _jumps + JumpSlot(rip);
        if (entry->Rip == rip && entry->Context == context)
        {
            return entry->Block;
        }

        var block = Finder.Find(rip);
        if (_core.HasEvents)
        {
            // Another processor may have written the code before it wrote the translation that was just read: then one of these says so.
            return null;
        }

        // Decoding may have emptied the cache: then a new context begins, which knows nothing of where this was fetched from.
        if (block != null && Finder.Cache.Find(block->Gpa, block->Mode) == block)
        {
            context = Finder.Context;
            Finder.Refresh();
            if (Finder.Context == context)
            {
                *entry = new JumpCacheEntry { Rip = rip, Context = context, Block = block };
            }
        }

        return block;
    }

    private static int JumpSlot(ulong rip) => (int)((rip ^ (rip >> 12)) & (JumpCacheSize - 1));

    /// <summary>Where an address led last time.</summary>
    private struct JumpCacheEntry
    {
        public ulong Rip;
        public ulong Context;
        public Block* Block;
    }
}
